// Conveniences of the page on which a message is written. Its buttons can do everything without it.
import {
  Bold, BulletList, Document, HardBreak, History, Italic, Link, ListItem, Menu, OrderedList, Paragraph, Strike, Text,
  Underline, createTextareaEditor,
} from "../django_prose_editor/editor.js";

const form = document.getElementById("editor");
// The editor would insert a style element, which the site's policy forbids; message_editor.css has those rules.
const noStyle = document.createElementNS(null, "style"); // found by its name, and no style to the browser
noStyle.setAttribute("data-tiptap-style", "");
document.head.append(noStyle);

const editors = new Map(); // of each text area that is one
const extensions = () => [
  Document, Paragraph, HardBreak, Text, History, Menu, Bold, Italic, Underline, Strike, BulletList, OrderedList, ListItem, Link,
];
// Only in open blocks: a page with a hundred texts need not start a hundred editors.
const start = (root) => root.querySelectorAll("details[open] > .block-fields textarea[data-rich]").forEach((textarea) => {
  if (editors.has(textarea)) return;
  const label = form.querySelector(`label[for="${textarea.id}"]`);
  const editor = createTextareaEditor(textarea, extensions());
  editor.view.dom.setAttribute("aria-label", label?.firstChild.textContent.trim() || "");
  editor.view.dom.setAttribute("role", "textbox");
  editor.view.dom.setAttribute("aria-multiline", "true");
  label?.addEventListener("click", () => editor.commands.focus());
  window.nameEditorButtons(editor);
  editors.set(textarea, editor);
});
start(form);

// What is typed and not saved yet
let typed = 0;
let kept = 0;
// A field of text that is left has said all by its input.
const saidBefore = ({ type, target }) =>
  type === "change" && target.matches("textarea, input:not([type=checkbox], [type=radio], [type=color])");
const note = (event) => event.target.closest?.("#editor") && !saidBefore(event) && (typed += 1);
document.addEventListener("input", note);
document.addEventListener("change", note);
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === form && typed <= kept) return event.preventDefault(); // nothing new: what stands there stays
  if (event.target === form || event.target.closest?.("#editor")) event.detail.xhr.typed = typed;
});
document.addEventListener("htmx:afterRequest", ({ detail: { xhr } }) => {
  // What a save refuses is kept as a draft; what comes from a window that was overtaken is not.
  const isKept = (xhr.status >= 200 && xhr.status < 300) || (xhr.status === 422 && !xhr.getResponseHeader("HX-Retarget"));
  if (isKept && xhr.typed !== undefined) kept = Math.max(kept, xhr.typed);
});
// A file is uploaded once it is chosen: nobody should have to know that choosing is not enough.
document.addEventListener("change", ({ target }) => {
  if (target.id === "attachment" && target.files.length) target.closest("details").querySelector("[value=attach]").click();
});
let leaving = false;
form.addEventListener("submit", () => (leaving = true));
document.addEventListener("click", (event) => event.target.closest("[data-leave-freely]") && (leaving = true));
window.addEventListener("beforeunload", (event) => {
  if (leaving || typed <= kept) return;
  htmx.trigger(form, "editor:keep");
  event.preventDefault();
});

// What the form sends by itself is a draft, whichever button was pressed before.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt === form) event.detail.parameters.do = "draft";
});

// Blocks that were open stay open when they are replaced.
let open = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id === "blocks" || event.detail.target?.id === "editor-body") {
    open = [...form.querySelectorAll(".block > details[open]")].map((details) => details.parentElement.id);
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  const root = event.detail.target;
  if (root?.id !== "blocks" && root?.id !== "editor-body") return;
  open.forEach((id) => document.getElementById(id)?.querySelector("details")?.setAttribute("open", ""));
  for (const textarea of editors.keys()) if (!textarea.isConnected) editors.delete(textarea);
  start(form);
});
// A new block gets the focus, after htmx has returned it to the button that was pressed.
document.addEventListener("htmx:afterSettle", (event) => {
  const blocks = document.getElementById("blocks");
  const made = event.detail.target?.id === "blocks" && document.getElementById(blocks?.dataset.focus || "-");
  if (!made) return;
  const field = made.querySelector(".ProseMirror") || made.querySelector("textarea, input:not([type=hidden]), select");
  (field || made).focus();
});
// A finding of the check leads to its place: here, without reloading the page.
document.addEventListener("click", (event) => {
  const place = document.getElementById(event.target.closest("a[data-place]")?.dataset.place || "-");
  if (!place) return;
  event.preventDefault();
  place.querySelector("details")?.setAttribute("open", "");
  place.scrollIntoView({ block: "center" });
  (place.matches("input, textarea") ? place : place.querySelector("summary"))?.focus();
});
form.addEventListener("toggle", (event) => event.target.open && start(form), true);

// New blocks come after the current one; merge fields go where one last wrote.
let written;
document.addEventListener("focusin", (event) => {
  const block = event.target.closest?.("#blocks > .block");
  if (block) document.getElementById("after").value = block.id;
  if (event.target.closest?.("#editor")?.id && event.target.matches(".ProseMirror, input[type=text], input:not([type]), textarea")) {
    written = event.target;
  }
});
document.addEventListener("click", (event) => {
  const field = event.target.closest("[data-merge]");
  if (!field) return;
  const target = written?.isConnected ? written : document.getElementById("id_subject");
  const editor = [...editors.values()].find((one) => one.view.dom === target);
  if (editor) {
    editor.chain().focus().insertContent(field.dataset.merge).run();
  } else {
    target.setRangeText(field.dataset.merge, target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
    target.focus();
  }
});

// Keys: Alt+↑ and Alt+↓ move a block; Enter in a single-line field saves the draft without leaving the page.
document.addEventListener("keydown", (event) => {
  const block = event.altKey && event.target.closest?.("[data-block]");
  if (block && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    const button = document.getElementById(`${block.id}-${event.key === "ArrowUp" ? "up" : "down"}`);
    button.focus();
    button.click();
  }
});
form.addEventListener("submit", (event) => {
  if (event.submitter?.hasAttribute("data-enter") || event.submitter?.closest("#preview")) {
    event.preventDefault();
    leaving = false;
    htmx.trigger(form, "editor:keep");
  }
});

// Dragging by the handle
let dragged;
document.addEventListener("dragstart", (event) => {
  dragged = event.target.matches?.(".block-grip") && event.target.closest("[data-block]");
  if (!dragged) return;
  event.dataTransfer.setDragImage(dragged, 10, 10);
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("is-dragged");
});
const over = (event) => {
  const block = dragged && event.target.closest?.("[data-block]");
  return block && block !== dragged && !dragged.contains(block) ? block : null;
};
const unmark = () => document.querySelectorAll(".is-target").forEach((block) => block.classList.remove("is-target"));
document.addEventListener("dragover", (event) => {
  const block = over(event);
  if (!block) return;
  event.preventDefault();
  if (!block.classList.contains("is-target")) unmark();
  block.classList.add("is-target");
});
document.addEventListener("drop", (event) => {
  const block = over(event);
  if (!block) return;
  event.preventDefault();
  const values = { ...Object.fromEntries([["do", `put:${dragged.id}:${block.id}`]]) };
  const target = document.getElementById("blocks");
  htmx.ajax("POST", form.action, { source: target, target, swap: "outerHTML", values });
});
document.addEventListener("dragend", () => {
  unmark();
  dragged?.classList.remove("is-dragged");
  dragged = undefined;
});
