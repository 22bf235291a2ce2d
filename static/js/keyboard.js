// Keyboard shortcuts, listed for people in templates/includes/keyboard.html. Off while somebody types.
const latin = ({ key, code }) => {
  if (key === "?" || (key === "," && code === "Slash")) return "?"; // a Russian keyboard has both beside each other
  if (key === "/" || (key === "." && code === "Slash")) return "/";
  return /^[а-яё]$/i.test(key) ? code.replace("Key", "").toLowerCase() : key;
};
const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
const openForm = () => document.querySelector("#dialog[open] form[method=post], main form[method=post]:has(textarea, .btn-primary)");
const visible = (element) => element?.checkVisibility();

const openPalette = () => {
  fillDialog("palette");
  const field = dialogBody.querySelector("[data-palette]");
  const links = [...dialogBody.querySelectorAll("[data-places] a")];
  const find = dialogBody.querySelector("[data-find]");
  const shown = () => [...dialogBody.querySelectorAll(".palette-places a")].filter((link) => !link.parentElement.hidden);
  let chosen = 0;
  const mark = () => shown().forEach((link, index) => link.classList.toggle("is-chosen", index === chosen));
  const narrow = () => {
    const words = field.value.trim().toLowerCase();
    links.forEach((link) => (link.parentElement.hidden = !link.textContent.toLowerCase().includes(words)));
    if (find) {
      find.parentElement.hidden = !words;
      find.href = `${find.dataset.find}?q=${encodeURIComponent(field.value.trim())}`;
      find.querySelector("[data-words]").textContent = field.value.trim();
    }
    chosen = 0;
    mark();
  };
  field.addEventListener("input", narrow);
  dialogBody.querySelector("[data-found]").addEventListener("htmx:afterSwap", mark);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      chosen = Math.max(0, Math.min(shown().length - 1, chosen + step));
      mark();
      shown()[chosen]?.scrollIntoView({ block: "nearest" });
    }
    if (event.key === "Enter") shown()[chosen]?.click();
  });
  narrow();
  field.focus();
};
const openHelp = () => {
  fillDialog("keys");
  dialogBody.querySelector("[data-dialog-close]").focus();
};
const search = () => {
  // The list's own search before the one in the header.
  const fields = ["#filter input[type=search]", "#filter input[type=text]", "#nav-find"];
  fields.map((field) => document.querySelector(field)).find(visible)?.focus();
};

let goes = 0; // when g was pressed: the letter after it names the place
document.addEventListener("keydown", (event) => {
  const key = latin(event);
  const control = event.ctrlKey || event.metaKey;
  if (control && key === "k") {
    event.preventDefault();
    if (!dialog.open) openPalette();
  } else if (control && key === "s") {
    const form = openForm();
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button[type=submit].btn-primary") || form.querySelector("button[type=submit]");
    const save = form.querySelector("#save");
    if (save) save.click();
    else form.requestSubmit(button);
  }
  if (control || event.altKey || dialog.open || event.isComposing || typing(event.target)) return;
  const place = Date.now() - goes < 1500 && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  goes = 0;
  if (place) {
    event.preventDefault();
    location.assign(place.href);
  } else if (key === "g") goes = Date.now();
  else if (key === "n") {
    event.preventDefault();
    document.getElementById("page-action")?.click();
  } else if (key === "/") {
    event.preventDefault();
    search();
  } else if (key === "?") openHelp();
});
document.addEventListener("click", (event) => event.target.closest("[data-keys]") && openHelp());
