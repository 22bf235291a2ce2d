// Runs before the first paint: the stored choice, otherwise the system's.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be forbidden
    }
  };
  const apply = (theme) => {
    document.documentElement.dataset.bsTheme = theme || stored() || (system.matches ? "dark" : "light");
  };
  apply();
  system.addEventListener("change", () => apply());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // then it lasts for this page only
    }
    apply(theme);
  });
})();
