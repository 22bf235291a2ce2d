// What HTML and htmx do not do by themselves: the dialog, toasts, and small conveniences.
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

// A page that polls gets cells out of band: what has not changed stays, with its focus and selection.
const bare = (element) => element.outerHTML.replace(/ hx-swap-oob="[^"]*"| (aria-busy|class)="[^"]*htmx[^"]*"/g, "")
  .replace(/(name="csrfmiddlewaretoken" value=")[^"]*/g, "$1").replace(/(data-countdown="[^>]*>)[^<]*/g, "$1");
const pieces = (root) => [...root.querySelectorAll("[data-piece]")];
const changePieces = (old, fresh) => {
  const names = (list) => list.map((piece) => piece.id).join();
  const [before, after] = [pieces(old), pieces(fresh)];
  if (!before.length || names(before) !== names(after)) return false;
  before.forEach((piece, index) => {
    after[index].querySelectorAll("[hx-preserve]").forEach((gap) => {
      const kept = gap.id && piece.querySelector(`#${gap.id}`);
      if (kept) gap.replaceWith(kept.cloneNode(true));
    });
    if (bare(piece) === bare(after[index])) return;
    piece.replaceWith(after[index]);
    htmx.process(after[index]);
  });
  return true;
};
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const fresh = fragment.firstElementChild;
  if (!fresh) return;
  if (bare(target) === bare(fresh) || changePieces(target, fresh)) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && looksAgain(event.detail.elt)) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  const poll = document.getElementById("table-poll");
  if (!document.hidden && poll) htmx.trigger(poll, "look");
});

// Row menus: placed beside their button where CSS cannot do it; closed after a choice.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (event.newState !== "open" || !menu.matches(".row-menu") || CSS.supports("position-area", "block-end")) return;
  const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
  menu.style.top = `${Math.min(button.bottom, innerHeight - menu.offsetHeight - 8)}px`;
  menu.style.left = `${Math.max(8, button.right - menu.offsetWidth)}px`;
}, true);
document.addEventListener("click", (event) => event.target.closest(".row-menu .menu-item")?.closest(".row-menu").hidePopover());

const closeDialog = () => dialog.open && dialog.close();
const fillDialog = (template) => {
  dialogBody.replaceChildren(document.getElementById(template).content.cloneNode(true));
  htmx.process(dialogBody);
  if (!dialog.open) dialog.showModal();
};
// A question has its own dialog, over what it is about, with the safe answer focused.
const question = document.getElementById("question");
const ask = ({ text, yes, danger }) => new Promise((resolve) => {
  question.querySelector("[data-question]").textContent = text;
  const button = question.querySelector("[data-yes]");
  button.textContent = yes;
  button.className = `btn ${danger ? "btn-danger" : "btn-primary"}`;
  question.returnValue = "";
  question.showModal();
  question.querySelector("[data-no]").focus();
  question.addEventListener("close", () => resolve(question.returnValue === "yes"), { once: true });
});
document.addEventListener("htmx:confirm", async (event) => {
  const { question: text, elt, issueRequest } = event.detail;
  if (!text) return;
  event.preventDefault();
  const button = elt.matches("button") ? elt : elt.querySelector("button[type=submit]");
  const danger = button.matches(".is-danger, .btn-danger, .btn-outline-danger");
  if (!question.open && (await ask({ text, yes: button.firstChild.textContent.trim(), danger }))) issueRequest(true);
});
// The event comes a moment later: by then something else may stand in it.
dialog.addEventListener("close", () => {
  if (dialog.open) return;
  forgetRequests((asked) => dialogBody.contains(asked.elt));
  dialogBody.replaceChildren();
});
// Closing discards what was typed, so it asks first.
let typedInDialog = false;
const leaveDialog = async () => {
  const { loses: text, losesYes: yes } = document.body.dataset;
  if (typedInDialog && (question.open || !(await ask({ text, yes, danger: true })))) return;
  closeDialog();
};
dialogBody.addEventListener("input", (event) => {
  if (event.target.matches("textarea, input:not([type=search])")) typedInDialog = true;
});
dialog.addEventListener("close", () => (typedInDialog = false));
dialog.addEventListener("cancel", (event) => {
  if (event.target !== dialog || !typedInDialog) return;
  event.preventDefault();
  leaveDialog();
});
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

// The checkbox in a table's heading ticks those of the page.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-select-page]")) return;
  event.target.closest("table").querySelectorAll("tbody .select-cell input").forEach((box) => (box.checked = event.target.checked));
});

let written; // the field that was written in last, which takes what one inserts
document.addEventListener("focusin", (event) => {
  if (event.target.matches("main input[type=text], main textarea")) written = event.target;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dialog-close]") && dialog.open) {
    event.preventDefault();
    leaveDialog();
  }
  const insert = event.target.closest("[data-insert]");
  if (insert) {
    const field = written || document.getElementById(insert.dataset.into);
    field.setRangeText(insert.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  }
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

document.querySelector("main [aria-invalid=true]")?.focus();

// What was ticked while a search was under way stays ticked in the list it brings.
let picked = null; // the list that goes: once it is replaced it stands nowhere
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.matches(".picker .choices")) picked = detail.target;
});
document.addEventListener("htmx:afterSwap", () => {
  const list = picked && document.getElementById(picked.id);
  if (!list || list === picked) return;
  const ticks = picked.querySelectorAll("input[type=checkbox]");
  picked = null;
  let changed = false;
  ticks.forEach((tick) => {
    const box = document.getElementById(tick.id);
    if (!box && tick.checked) list.prepend(tick.closest(".form-check"));
    changed ||= box ? box.checked !== tick.checked : tick.checked;
    if (box) box.checked = tick.checked;
  });
  if (changed) htmx.trigger("#schedule", "refresh"); // htmx does not know the new list yet
});

// Fills in the time zone at registration, so that nobody has to choose it.
document.querySelectorAll("[data-browser-zone]").forEach((field) => {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "";
});

// A box that suggests values shows all of them once what stands in it is typed over.
document.addEventListener("focusin", (event) => event.target.matches?.("[data-select-all]") && event.target.select());
