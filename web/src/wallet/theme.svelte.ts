// `public/assets/theme-1.js` sets the stored theme before the first paint.
export type Theme = "system" | "light" | "dark";

let current = $state<Theme>(stored());

function stored(): Theme {
  try {
    const value = localStorage.getItem("hazina.theme");
    return value === "light" || value === "dark" ? value : "system";
  } catch { return "system"; }
}

export const theme = (): Theme => current;

export function setTheme(to: Theme): void {
  current = to;
  if (to === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", to);
  try { if (to === "system") localStorage.removeItem("hazina.theme"); else localStorage.setItem("hazina.theme", to); } catch { /* for this page only */ }
}
