// The words of the text editor's own dialogs, in the reader's language: templates/includes/editor_words.html.
const editorWords = Object.fromEntries(
  [...document.getElementById("editor-words").content.children].map((word) => [word.dataset.word, word.textContent]),
);
window.gettext = (text) => editorWords[text] ?? text;
