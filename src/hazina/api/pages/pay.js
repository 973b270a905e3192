// The pay page works without this. With it the keys answer at once, and a paid invoice shows by itself.
"use strict";

const POLL_MS = 2000;

const waiting = document.querySelector("[data-checkout]");
if (waiting) {
  const look = async () => {
    try {
      const answer = await fetch(waiting.dataset.checkout, { cache: "no-store" });
      if (answer.ok && (await answer.json()).status !== "PENDING") return location.reload();
    } catch { /* away for a moment: asked again */ }
    setTimeout(look, POLL_MS);
  };
  setTimeout(look, POLL_MS);
}

const till = document.querySelector("form.till");
const typed = document.getElementById("typed");
if (till && typed) {
  const digits = Number(till.dataset.digits);
  const about = till.querySelector(".about");
  const press = (text, key) => {
    if (key === "back") return text.slice(0, -1);
    if (key === "dot") return text.includes(".") || !digits ? text : `${text || "0"}.`;
    const [whole, part] = text.split(".");
    if (part !== undefined) return part.length < digits ? text + key : text;
    return whole || key !== "0" ? (whole.replace(/^0+/, "") + key).slice(0, 10) : "0";
  };
  const changed = () => { about.textContent = ""; };
  for (const key of till.querySelectorAll("button[name=key]")) {
    key.type = "button";
    key.addEventListener("click", () => { typed.value = press(typed.value, key.value); changed(); });
  }
  typed.addEventListener("input", changed);
}
