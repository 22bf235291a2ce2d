// What happens between a click and its response: something visible at once, and a message if none comes.
const texts = document.body.dataset;
const looksAgain = (element) => element?.id === "table-poll" || ["outbox", "overview"].includes(element?.id);

// A modal dialog makes the rest of the page inert, so it has its own list of toasts.
const fade = (note, after = 8000) => setTimeout(() => note.remove(), after);
const undo = (note, address) => {
  const form = document.getElementById("toast-undo").content.firstElementChild.cloneNode(true);
  form.action = address;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = { csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value };
    htmx.ajax("POST", address, { source: document.getElementById("toasts"), swap: "none", values });
    note.remove();
  });
  note.append(form);
};
const toast = ({ level, text, undo: address, link }) => {
  const note = document.createElement("div");
  note.className = `toast-note toast-${level}`;
  note.textContent = text;
  if (address) undo(note, address);
  if (link) {
    const anchor = document.createElement("a");
    Object.assign(anchor, { ...link, target: "_blank" });
    note.append(" ", anchor);
  }
  document.getElementById(document.querySelector("#dialog[open]") ? "dialog-toasts" : "toasts").append(note);
  if (!link) fade(note, address ? 15000 : 8000);
  return note;
};
document.querySelectorAll("#toasts .toast-note").forEach((note) => fade(note, 15000));
document.addEventListener("toasts", (event) => {
  // After the events beside it: one of them may close the dialog.
  setTimeout(() => (event.detail.value || []).forEach(toast));
});

// Requests under way. Once the element that sent one is gone, htmx has no place for parts of the response: requests
// that only ask are given up. Those that act, from a form or a button, go on, and so do those that open the dialog (a
// list that is refreshed under the pointer must not swallow a click) and those that another element keeps in order.
const underWay = new Map();
const giveUp = (xhr) => {
  xhr.onload = xhr.onerror = xhr.onabort = xhr.ontimeout = null; // htmx would report it as an error
  xhr.abort();
};
const forgetRequests = (goes) => underWay.forEach((asked, xhr) => xhr.readyState < 4 && goes(asked) && giveUp(xhr));
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  forgetRequests((asked) => asked.elt === target && !target.matches("form, button, [hx-sync^='#']") && asked.target.id !== "dialog-body");
});
// Something to see within a tenth of a second: a line over the page, and a dialog's outline before its content.
const waiting = new Set();
const showWaiting = () => (document.documentElement.dataset.waiting = waiting.size ? "yes" : "");
const opensDialog = (detail) => detail.target?.id === "dialog-body" && !document.getElementById("dialog").open;
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const begun = detail.xhr;
  underWay.set(begun, detail);
  begun.addEventListener("loadend", () => arrived(begun));
  if (looksAgain(detail.elt)) return;
  waiting.add(begun);
  setTimeout(() => {
    if (!waiting.has(begun)) return;
    showWaiting();
    if (!opensDialog(detail)) return;
    fillDialog("outline");
    document.getElementById("dialog").addEventListener("close", () => begun.readyState < 4 && begun.abort(), { once: true });
  }, 80);
});
const arrived = (xhr) => {
  underWay.delete(xhr);
  waiting.delete(xhr);
  showWaiting();
  if (document.querySelector("#dialog[open] .outline") && (!xhr.status || xhr.status >= 400)) closeDialog();
};

// A page that polls reports once that the service is away, and nothing more until it is back.
let away = false;
const complain = (text) => (event) => {
  if (looksAgain(event.detail.elt)) {
    if (away) return;
    away = true;
  }
  toast({ level: "danger", text: text(event.detail.xhr) });
};
document.addEventListener("htmx:responseError", complain((xhr) => (xhr.status === 429 ? texts.often : texts.failed)));
document.addEventListener("htmx:sendError", complain(() => texts.offline));
document.addEventListener("htmx:afterOnLoad", () => (away = false));
window.addEventListener("offline", () => toast({ level: "warning", text: texts.offline }));

// Warns a user who was logged out meanwhile, where logging in would discard what was typed.
const typedIn = (form) => [...form.elements].some(({ type, value, defaultValue, checked, defaultChecked, options }) =>
  type === "hidden" || type === "search" ? false
  : options ? [...options].some((option) => option.selected !== option.defaultSelected)
  : type === "checkbox" || type === "radio" ? checked !== defaultChecked
  : defaultValue !== undefined && value !== defaultValue);
const somethingTyped = () => [...document.querySelectorAll("main form[method=post], #dialog form")].some(typedIn);
let told;
const sayLoggedOut = () => {
  if (told?.isConnected) return;
  told = toast({ level: "danger", text: texts.loggedOut, link: { href: texts.login, textContent: texts.loginWords } });
};
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const place = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (!place?.startsWith(texts.login) || !(somethingTyped() || document.querySelector("#dialog[open]"))) return;
  event.preventDefault();
  sayLoggedOut();
});
// After a log-in in another tab, open forms still carry the previous session's token.
const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get" && token()) detail.parameters.csrfmiddlewaretoken = token();
});

// A form that leaves the page is sent only once the service is known to answer. The server ignores a form sent
// twice; the button keeps it from being tried.
const reached = async () => {
  const answer = await fetch(texts.alive, { cache: "no-store", redirect: "manual" });
  return answer.status === 204;
};
const hold = (button) => button && setTimeout(() => (button.disabled = true));
const letGo = new WeakSet();
document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post") || submitter?.hasAttribute("hx-post")) return;
  if (!texts.alive || !form.closest("main") || letGo.has(form) || !typedIn(form)) return hold(submitter);
  event.preventDefault();
  try {
    if (!(await reached())) return sayLoggedOut();
  } catch {
    return toast({ level: "danger", text: texts.offline });
  }
  if (form.elements.csrfmiddlewaretoken && token()) form.elements.csrfmiddlewaretoken.value = token();
  letGo.add(form);
  form.requestSubmit(submitter);
  letGo.delete(form);
});
// What was typed on a page is not lost by a click that leads away from it: the browser asks first. The page on
// which a message is written has its own guard.
let sent; // the form with which one leaves
const words = "textarea, input:is(:not([type]), [type=text], [type=email], [type=url], [type=tel], [type=number])";
const holdsWords = (form) => form !== sent && form.id !== "editor" && [...form.elements].some((field) =>
  field.matches(words) && field.value && (field.value !== field.defaultValue || form.querySelector("[aria-invalid=true]")));
document.addEventListener("submit", (event) => event.defaultPrevented || (sent = event.target));
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.getResponseHeader("HX-Redirect")) sent = detail.elt.closest("form");
});
window.addEventListener("beforeunload", (event) => {
  if (!texts.alive || sent?.matches(".languages")) return; // language.js brings what was typed along
  if ([...document.querySelectorAll("main form[method=post], #dialog[open] form[method=post]")].some(holdsWords)) event.preventDefault();
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("button[disabled]").forEach((button) => (button.disabled = false));
});
