import { mount } from "svelte";
import "../styles/sandbox.css";
import { usePhrases } from "../lib/i18n.svelte.ts";
import App from "./App.svelte";

const root = document.getElementById("app");
if (root === null) throw new Error("the page has no place for the sandbox");
await usePhrases({ en: () => import("virtual:phrases/sandbox/en"), sw: () => import("virtual:phrases/sandbox/sw") });
root.replaceChildren();
mount(App, { target: root });
