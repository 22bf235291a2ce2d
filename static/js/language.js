// A change of language loads the page anew, and what was typed comes along. Passwords and files do not; the page on
// which a message is written keeps its own drafts.
{
  const place = location.pathname + location.search;
  const ticks = (field) => field.type === "checkbox" || field.type === "radio";
  const key = (field) => JSON.stringify([field.form.getAttribute("action"), field.name, ticks(field) ? field.value : ""]);
  const fields = () =>
    [...document.querySelectorAll("main form[method=post]:not(#editor)")]
      .flatMap((form) => [...form.elements])
      .filter((field) => field.name && !["hidden", "password", "file", "submit", "button", "fieldset"].includes(field.type));
  const restore = (field, value) => {
    const name = ticks(field) ? "checked" : "value";
    if (value === undefined || field[name] === value) return;
    field[name] = value;
    for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
  };
  document.addEventListener("submit", ({ target }) => {
    if (!target.matches(".languages")) return;
    const typed = fields().map((field) => [key(field), ticks(field) ? field.checked : field.value]);
    sessionStorage.setItem("typed", JSON.stringify({ place, typed }));
  });
  window.addEventListener("load", () => {
    const kept = JSON.parse(sessionStorage.getItem("typed"));
    sessionStorage.removeItem("typed");
    if (kept?.place !== place) return;
    const values = new Map(kept.typed);
    fields().forEach((field) => restore(field, values.get(key(field))));
  });
}
