"""Blocks: what is typed never becomes markup, and what is laid out is what arrives."""
# ruff: noqa: E501  # HTML as it is written

from contextlib import suppress
from time import process_time

import pytest

from mailer.composing.blocks import document, mjml_process
from mailer.composing.blocks.document import MOST_BLOCKS, TooLarge, read
from mailer.composing.blocks.mjml import Shown
from mailer.composing.blocks.rendering import html_of
from mailer.composing.blocks.theme import DEFAULTS, contrast, theme_of
from mailer.composing.blocks.typed import address, rich, words
from mailer.composing.compiling import compile_message
from mailer.composing.merge import SAMPLE, CannotCompile
from mailer.composing.ready import READY, written_in

SHOWN = {"7": Shown("https://site.example/pictures/x.jpg", 800, "")}


def content(*blocks, **more):
    numbered = [{"id": f"b{number}", **block} for number, block in enumerate(blocks, 1)]
    return read({"blocks": numbered, **more})


def sent(*blocks, values=SAMPLE, **more):
    html = html_of(content(*blocks, **more), pictures=SHOWN)
    return compile_message(subject="S", body=html).fill(values)


EVIL = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'&amp; {{ first_name }} {{ "<i>x</i>" }}'


@pytest.mark.parametrize(
    "block",
    [
        {"type": "heading", "text": EVIL},
        {"type": "button", "text": EVIL, "link": "https://a.example/"},
        {"type": "quote", "text": EVIL, "who": EVIL},
        {"type": "picture", "picture": "7", "alt": EVIL},
        {"type": "social", "links": f"{EVIL} https://a.example/"},
    ],
)
def test_what_is_typed_never_becomes_markup(block):
    html = sent(block, preheader=EVIL).html
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&amp;amp; Anna &lt;i&gt;x&lt;/i&gt;" in html


def test_columns_stay_beside_each_other_on_phones_if_they_shall():
    def page(**more):
        inner = [[{"id": "b2", "type": "text", "text": "<p>Tea</p>"}], [], []]
        return html_of(content({"type": "columns", "columns": inner, **more}), pictures={})

    assert page().count("mj-column-per-") > page(together="on").count("mj-column-per-50")
    assert "mj-column-per-100" in page(together="on")


@pytest.mark.parametrize("ground", ["#ffffff", "#1c2540", "#808080"])
def test_the_link_to_the_page_stands_above_the_message_if_it_is_wanted(ground):
    block = {"type": "heading", "text": "Hello"}
    assert SAMPLE["view_url"] not in sent(block).html
    look = {"view": "on", "background": ground}
    mail = sent(block, theme=look)
    assert mail.html.index(SAMPLE["view_url"]) < mail.html.index("Hello")
    assert mail.text.startswith(f"View in your browser: {SAMPLE['view_url']}")
    theme = theme_of(look)
    assert contrast(theme.on_background, theme.background) >= (4.5 if ground != "#808080" else 3)
    assert "View in" not in sent(block, theme=look, values={**SAMPLE, "view_url": ""}).html


@pytest.mark.parametrize("colour", ["red", "#fff", "#000000;}</style><script>", "url(x)", "#12345g"])
def test_a_theme_of_whatever_is_a_theme(colour):
    theme = theme_of({"accent": colour, "font": colour, "width": colour, "radius": "-1", "logo": colour})
    assert (theme.accent, theme.width, theme.radius) == (DEFAULTS["accent"], 600, 8)
    assert "<script" not in sent({"type": "heading", "text": "x"}, theme={"accent": colour}).html


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("<p onclick=x>a<script>b</script></p>", "<p>a</p>"),
        ('<p class="MsoNormal"><o:p></o:p><b>a</b><!--[if mso]>x<![endif]--></p>', "<p><strong>a</strong></p>"),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="{{ unsubscribe_url }}">x</a>', '<a href="{{ unsubscribe_url }}">x</a>'),
        ('<a href="https://a.example/?a=1&amp;b=2">x</a>', '<a href="https://a.example/?a=1&amp;b=2">x</a>'),
        ("<p>{% if first_name &gt; 'a' %}b{%&nbsp;endif %}</p>", "<p>{% if first_name > 'a' %}b{% endif %}</p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("<img src='data:image/png;base64,AAAA'>", ""),
        ("<b>" * 60_000, ""),
        ("<div><table><tr><td>a</td></tr></table></div>", "a"),
    ],
)  # fmt: skip
def test_rich_text_keeps_what_an_editor_makes(html, cleaned):
    assert rich(html).strip() == cleaned


@pytest.mark.parametrize(
    ("typed", "leads"),
    [
        ("https://a.example/?a=1&b={{ first_name }}", "https://a.example/?a=1&amp;b={{ first_name }}"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("{{ unsubscribe_url }}", "{{ unsubscribe_url }}"),
        ("javascript:alert(1)", ""),
        (" \u200bjavascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("https://a.example/ x", ""),
        ('https://a.example/"onclick="x', "https://a.example/&#34;onclick=&#34;x"),
        ("\u202ehttps://a.example/", "https://a.example/"),
    ],
)
def test_links_lead_to_the_web_or_to_mail(typed, leads):
    assert address(typed) == leads


def test_a_line_is_a_line():
    assert words("a\r\nb <c>") == "a b &lt;c&gt;"
    assert words("a\nb", lines=True) == "a<br>b"


def test_all_of_it_arrives_in_both_parts():
    filled = sent(
        {"type": "heading", "text": "Hello {{ first_name }}"},
        {"type": "text", "text": "<p>One <strong>two</strong></p>"},
        {"type": "columns", "ratio": "1-2", "columns": [
            [{"id": "b20", "type": "text", "text": "left"}],
            [{"id": "b21", "type": "picture", "picture": "7", "alt": "A hill", "width": "50"}],
            [{"id": "b22", "type": "text", "text": "hidden third"}],
        ]},
        {"type": "button", "text": "Go", "link": "https://a.example/go"},
        {"type": "raw", "html": "<table><tr><td>raw &amp; ready</td></tr></table>"},
        {"type": "footer", "text": "<p>Our Street 1</p>"},
        preheader="Before all",
    )  # fmt: skip
    assert filled.text.split() == ["Hello", "Anna", "One", "two", "left", "A", "hill", "Go:", "https://a.example/go", "raw", "&", "ready", "Our", "Street", "1", "Unsubscribe:", "https://example.com/u/sample/"]  # fmt: skip
    assert 'src="https://site.example/pictures/x.jpg"' in filled.html
    assert "Before all</div>" in filled.html
    assert filled.html.count("https://example.com/u/sample/") == 1
    assert "hidden third" not in filled.html


@pytest.mark.parametrize("kind", ["text", "columns"])
def test_a_block_for_some_is_not_in_the_mail_of_others(kind):
    inner = {"id": "b9", "type": "text", "text": "For you"}
    block = (
        {"type": "columns", "columns": [[inner]]}
        if kind == "columns"
        else {"type": "text", "text": "For you"}
    )
    blocks = (
        {"type": "text", "text": "Before"},
        {**block, "when": "first_name"},
        {"type": "text", "text": "After"},
    )
    assert "For you" in sent(*blocks).html
    nobody = sent(*blocks, values={**SAMPLE, "first_name": ""})
    assert "For you" not in nobody.html + nobody.text
    assert "After" in nobody.text


def test_what_cannot_be_shown_is_left_out_of_a_draft():
    blocks = [
        {"type": kind} for kind in document.TYPES if kind not in ("footer", "divider", "spacer", "columns")
    ]
    html = html_of(
        content(*blocks, {"type": "columns"}, {"type": "button", "text": "x", "link": "nowhere"}), pictures={}
    )
    assert "<img" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "x",
        {"blocks": "x"},
        {"blocks": [1, None, {"type": "x"}, {"type": "text"}, {"id": "b1"}]},
        {"theme": 3},
    ],
)
def test_whatever_is_stored_is_read(stored):
    assert read(stored)["blocks"] == []


@pytest.mark.parametrize(
    "text",
    [
        "{{" * 190_000,
        "{%" * 9_000,
        "{{ a }" * 60_000,
        "<b><i>" * 60_000,
        "x https://" * 30_000,
        " " * 390_000,
    ],
)
@pytest.mark.parametrize(
    ("kind", "name"),
    [("text", "text"), ("heading", "text"), ("button", "link"), ("social", "links"), ("raw", "html")],
)
def test_what_is_out_of_proportion_is_refused_at_once(kind, name, text):
    began = process_time()
    with suppress(CannotCompile):
        html_of(content({"type": kind, "text": "x", name: text}), pictures={})
    assert process_time() - began < 1  # seconds; a bound on the order, not a benchmark


def test_columns_never_nest():
    inner = {"id": "b2", "type": "columns", "columns": [[{"id": "b3", "type": "text"}]]}
    [block] = content({"type": "columns", "columns": [[inner]]})["blocks"]
    assert block["columns"] == [[], [], []]


def test_a_message_has_its_limits():
    with pytest.raises(TooLarge):
        content(*[{"type": "text"}] * (MOST_BLOCKS + 1))
    with pytest.raises(TooLarge):
        content({"type": "raw", "html": "x" * 500_000})


def ids(blocks):
    return [
        (block["id"], [ids(column) for column in block["columns"]]) if "columns" in block else block["id"]
        for block in blocks
    ]


def test_steps():
    made = content({"type": "text", "text": "a"}, {"type": "columns"}, {"type": "quote"})
    assert document.add(made, "button", after="b1") == "b4"
    assert document.add(made, "text", column="b2.1") == "b5"
    assert ids(made["blocks"]) == ["b1", "b4", ("b2", [[], ["b5"], []]), "b3"]
    for wrong in ("b9.0", "b2.7", "b1.0", "b2.x", "b2."):
        assert document.add(made, "text", column=wrong) == ""
    assert document.add(made, "columns", column="b2.0") == ""
    assert document.add(made, "script") == ""
    document.move(made, "b1", -1)  # it is the first
    document.move(made, "b3", -1)
    assert ids(made["blocks"]) == ["b1", "b4", "b3", ("b2", [[], ["b5"], []])]
    document.put(made, "b1", "b5")
    document.put(made, "b2", "b1")  # columns do not go into themselves
    assert ids(made["blocks"]) == ["b4", "b3", ("b2", [[], ["b1", "b5"], []])]
    assert document.copy(made, "b2") == "b6"
    assert ids(made["blocks"]) == ["b4", "b3", ("b2", [[], ["b1", "b5"], []]), ("b6", [[], ["b7", "b8"], []])]
    document.delete(made, "b7")
    document.delete(made, "b2")
    document.delete(made, "b99")
    assert ids(made["blocks"]) == ["b4", "b3", ("b6", [[], ["b8"], []])]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("ready", READY, ids=lambda one: one.name)
def test_each_ready_message_can_be_sent(ready, language):
    written = written_in(ready, language)
    pictures = {
        f"ours:{name}": Shown(f"https://x.example/{name}.jpg", 1200, "")
        for name in ("letter", "event", "offer", "news")
    }
    html = html_of(written.content, pictures=pictures, subject=written.subject)
    compiled = compile_message(subject=written.subject, body=html)
    for values in (SAMPLE, dict.fromkeys(SAMPLE, "")):
        filled = compiled.fill(values)
        assert filled.subject
        assert "{{" not in filled.html + filled.text + filled.subject
    assert f'lang="{language}"' in html
    assert ("Отписаться" in html) is (language == "ru")


def test_mjml_is_only_run_in_a_process_apart():
    assert "mjml" not in vars(mjml_process)
