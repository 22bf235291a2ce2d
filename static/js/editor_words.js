// The words of the text editor's own dialogs, in the reader's language: templates/includes/editor_words.html.
const editorWords = Object.fromEntries(
  [...document.getElementById("editor-words").content.children]
    .map((word) => [word.dataset.word, word.textContent.trim()]),
);
const wordElsewhere = window.gettext; // of the admin
window.gettext = (text) => editorWords[text] ?? wordElsewhere?.(text) ?? text;

// Its buttons do not ask for their words themselves, and come a moment after the editor.
window.nameEditorButtons = (editor) => setTimeout(() => {
  const frame = editor.view.dom.closest(".prose-editor");
  frame?.querySelectorAll(".prose-menubar__button").forEach((button) => {
    button.title = window.gettext(button.title);
    button.setAttribute("aria-label", button.title);
  });
  frame?.querySelectorAll(".prose-menubar :is(p, h2, h3, code)").forEach((choice) => {
    choice.textContent = window.gettext(choice.textContent);
  });
});

// Nor do the choices in its dialogs, which are their values too: those stay.
new MutationObserver(() => document.querySelectorAll(".prose-editor-dialog option:not([value])").forEach((choice) => {
  choice.value = choice.textContent;
  choice.textContent = window.gettext(choice.textContent);
})).observe(document.body, { childList: true, subtree: true });
