// Paths under /wallet. A link is an ordinary <a>; this catches the click.
let moved = false;
let path = $state(trim(location.pathname));

function trim(pathname: string): string {
  return pathname.replace(/^\/wallet/, "").replace(/\/+$/, "") || "/";
}

/** The current path below /wallet: "/", "/send", "/activity/btc/<id>". */
export const here = (): string => path;

export function go(to: string, how: "push" | "replace" = "push"): void {
  const url = to === "/" ? "/wallet" : `/wallet${to}`;
  if (how === "replace") history.replaceState(null, "", url);
  else if (url !== location.pathname) history.pushState({ inside: true }, "", url);
  read();
}

/** Back where the person came from, or to `home` when this is the first page of the visit. */
export function back(home: string): void {
  if (history.state?.inside) history.back();
  else go(home, "replace");
}

function read(): void {
  const next = trim(location.pathname);
  if (next === path) return;
  path = next;
  moved = true;
  scrollTo(0, 0);
}

/** An action for a page's heading: after a change of page, reading goes on from there. */
export function arrive(heading: HTMLElement): void {
  if (moved) heading.focus({ preventScroll: true });
}

export function start(): void {
  addEventListener("popstate", read);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
    if (link.origin !== location.origin || !/^\/wallet(\/|$)/.test(link.pathname)) return;
    event.preventDefault();
    go(trim(link.pathname));
  });
}
