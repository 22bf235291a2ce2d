// What HTML and htmx do not do by themselves: the dialog, toasts, and small comforts.
const dialog = document.getElementById("dialog");
const dialogBody = document.getElementById("dialog-body");

const reveal = () => document.querySelectorAll("[data-needs-script]").forEach((element) => (element.hidden = false));
reveal();

document.addEventListener("htmx:afterSwap", (event) => {
  reveal();
  const target = event.detail.target || event.target;
  if (target.id !== "dialog-body") return;
  if (!dialog.open) dialog.showModal();
  const find = (selector) => dialogBody.querySelector(selector);
  const first = find("[aria-invalid=true]") || find("[autofocus]") || find("input:not([type=hidden]), select, textarea");
  if (first) first.focus();
});

const closeDialog = () => dialog.open && dialog.close();
dialog.addEventListener("close", () => dialogBody.replaceChildren());
let focusLost = false; // the row that opened the dialog may be gone when the list comes back
document.addEventListener("dialog:close", () => {
  focusLost = true;
  closeDialog();
});
document.addEventListener("htmx:afterSettle", () => {
  if (!focusLost || document.activeElement !== document.body) return;
  focusLost = false;
  document.getElementById("table-region")?.focus({ preventScroll: true });
});

let written; // the field that was written in last, which takes what one inserts
document.addEventListener("focusin", (event) => {
  if (event.target.matches("main input[type=text], main textarea")) written = event.target;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dialog-close]") && dialog.open) {
    event.preventDefault();
    closeDialog();
  }
  const insert = event.target.closest("[data-insert]");
  if (insert) {
    const field = written || document.getElementById(insert.dataset.into);
    field.setRangeText(insert.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  }
  const fill = event.target.closest("[data-fill]");
  if (fill) document.getElementById(fill.dataset.into).value = fill.dataset.fill;
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A modal dialog makes the rest of the page inert, so it has a list of toasts of its own.
const fade = (note) => setTimeout(() => note.remove(), 8000);
const toast = (level, text) => {
  const note = document.createElement("div");
  note.className = `toast-note toast-${level}`;
  note.textContent = text;
  document.getElementById(dialog.open ? "dialog-toasts" : "toasts").append(note);
  fade(note);
};
document.querySelectorAll("#toasts .toast-note").forEach(fade);
document.addEventListener("toasts", (event) => {
  // After the events beside it: one of them may close the dialog.
  setTimeout(() => (event.detail.value || []).forEach(({ level, text }) => toast(level, text)));
});
document.addEventListener("htmx:responseError", () => toast("danger", document.body.dataset.failed));
document.addEventListener("htmx:sendError", () => toast("danger", document.body.dataset.offline));

// The server keeps a form that is sent twice from acting twice; this keeps it from being tried.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method === "post" && button && !event.target.hasAttribute("hx-post")) {
    setTimeout(() => (button.disabled = true));
  }
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("button[disabled]").forEach((button) => (button.disabled = false));
});

// The time zone of who registers, so that they need not choose it.
document.querySelectorAll("[data-browser-zone]").forEach((field) => {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "";
});
