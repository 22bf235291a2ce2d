// Turns the article's text area into an editor for exactly what the server allows in an article.
import {
  Blockquote, Bold, BulletList, Code, CodeBlock, Document, Dropcursor, Fullscreen, Gapcursor, HTML, HardBreak,
  Heading, History, HorizontalRule, Italic, Link, ListItem, Menu, OrderedList, Paragraph, Strike,
  Subscript, Superscript, Table, TableCell, TableHeader, TableRow, Text, Underline, createTextareaEditor,
} from "../django_prose_editor/editor.js";

const extensions = () => [
  Document, Dropcursor, Gapcursor, Paragraph, HardBreak, Text, History, Menu, HTML, Fullscreen,
  Heading.configure({ levels: [2, 3] }), Bold, Italic, Underline, Strike, Subscript, Superscript, Code, CodeBlock,
  Blockquote, BulletList, OrderedList, ListItem, HorizontalRule, Link, Table, TableRow, TableHeader, TableCell,
];
// The editor would insert a style element, which the site's policy forbids; article_editor.css has those rules.
const noStyle = document.createElementNS(null, "style"); // found by its name, and no style to the browser
noStyle.setAttribute("data-tiptap-style", "");
document.head.append(noStyle);

document
  .querySelectorAll("textarea[data-article-editor]")
  .forEach((textarea) => window.nameEditorButtons(createTextareaEditor(textarea, extensions())));
