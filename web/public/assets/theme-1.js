// Before the first paint: the chosen theme and language. Everything else waits for the page's script.
(function () {
  try {
    var root = document.documentElement;
    var theme = localStorage.getItem("hazina.theme");
    if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
    var language = localStorage.getItem("hazina.language") || navigator.language.slice(0, 2);
    root.lang = language === "sw" ? "sw" : "en";
  } catch (e) { /* no storage: the system's theme */ }
})();
