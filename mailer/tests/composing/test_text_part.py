"""The text part reads as a person would write it."""
# ruff: noqa: E501  (HTML as it is written)

import re

import pytest

from mailer.composing.markup.prepare import prepare
from mailer.composing.merge import TEXT, values_for

pytestmark = pytest.mark.once

FOOTER = '<p>Bye <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
VALUES = values_for(
    full_name="Anna <b> Lee", email="a@b.cd", sender_name="Me", unsubscribe_url="https://x/u/1/"
)


def text(html):
    made = prepare(source=html, footer_html=FOOTER, footer_text=["Unsubscribe: {{ unsubscribe_url }}"])
    whole = TEXT.from_string(made["text"]).render(**VALUES)
    before, footer, after = whole.rpartition("Unsubscribe: https://x/u/1/")
    assert (footer, after) == ("Unsubscribe: https://x/u/1/", "")
    return before.removesuffix("\n\n")


LONG = "A long sentence of many words goes here. " * 8


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>One</p><p>Two<br>three</p>", "One\n\nTwo\nthree"),
        ("<p>One</p>\n\n\n<br><br><br><p>Two</p>", "One\n\nTwo"),
        ("One<br><br>Two", "One\n\nTwo"),
        ("<div>One</div><div><div>Two</div></div>", "One\nTwo"),
        ("<h1>Head</h1>Text<h2>Next</h2>", "Head\n\nText\n\nNext"),
        ("<p> a  <b> b </b>\n c </p>", "a b c"),
        ("<p>a<b>b</b>c</p>", "abc"),
        ("<ul><li>One</li><li>Two<ul><li>Three</ul></ul><p>x", "* One\n* Two\n  * Three\n\nx"),
        ("<ol><li>One<li>Two</ol>", "1. One\n2. Two"),
        ("<ol start=9><li><p>One</p><p>more</p></li><li>Two</ol>", "9. One\n\n   more\n\n10. Two"),
        ("<ul><li><a href=https://a.example/>One</a><li></ul>", "* One: https://a.example/"),
        ("<ul><li>{% if email %}One{% else %}Two{% endif %}</li><li>Three</li></ul>", "* One\n* Three"),
        ("<blockquote><p>One</p><p>Two</p></blockquote>x", "> One\n\n> Two\n\nx"),
        ("<pre>a  b\n   c</pre>", "a  b\n   c"),
        ("<pre>\na\n  b\n\n    c\n</pre>x", "a\n  b\n\n    c\n\nx"),
        ("<ol start=3><li>a<li value=7>b<li>c</ol>", "3. a\n7. b\n8. c"),
        ("a<hr>b", "a\n\n----------------------------------------\n\nb"),
        ("<q>a</q>", "“a”"),
        ("<dl><dt>Term<dd>What it is</dl>", "Term\n  What it is"),
        ("<p>a&nbsp;b&#8203;c&shy;d &zwnj; e</p>", "a bcd e"),
        ("<p>Type &amp;lt;br&amp;gt; or &lt;br&gt;</p>", "Type &lt;br&gt; or <br>"),
        (
            "<p>{{ full_name }} {{ full_name | escape }} {{ full_name | escape_once | upcase }}</p>",
            "Anna <b> Lee Anna <b> Lee ANNA <B> LEE",
        ),
        (
            "<p>{{ nothing_here | default: 'a &amp; b' }}</p>".replace(
                "nothing_here", "first_name | slice: 9"
            ),
            "a & b",
        ),
        ("<head><title>T</title><style>p{}</style></head><script>x</script><p>a</p><!-- c -->", "a"),
    ],
)
def test_blocks_lists_and_entities(html, wanted):
    assert text(html) == wanted


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ('<a href="https://a.example/">words</a>.', "words: https://a.example/."),
        (
            '<a href="https://a.example/"><img src=x alt="Example shop"></a>',
            "Example shop: https://a.example/",
        ),
        ('<a href="https://a.example/"><img src=x></a>', "https://a.example/"),
        ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/"),
        ('<a href="https://a.example/">https://a.example</a>', "https://a.example"),
        ('<a href="https://a.example/wiki/Foo_(bar)">wiki</a>', "wiki: https://a.example/wiki/Foo_(bar)"),
        ('<a href=" https://a.example/my file.pdf ">pdf</a>', "pdf: https://a.example/my%20file.pdf"),
        ('<a href="https://a.example/">Buy<br>now</a>', "Buy now: https://a.example/"),
        ('<a href="https://a.example/"><div>Button</div></a>', "Button: https://a.example/"),
        ('<a href="https://a.example/">[Read more]</a>', "[Read more]: https://a.example/"),
        ('<a href="https://a.example/"> words </a>and', "words: https://a.example/ and"),
        ('<a href="https://a.example/">Here:</a>', "Here: https://a.example/"),
        ('<a href="mailto:a@b.cd">Write</a> <a href="mailto:a@b.cd">a@b.cd</a>', "Write: a@b.cd a@b.cd"),
        ('<a href="tel:+4912">Call</a>', "Call: +4912"),
        (
            '<a href="#top">Up</a> <a name=x>Here</a> <a href="javascript:x()">No</a> <a href="">E</a>',
            "Up Here No E",
        ),
        (
            '<a href="https://a.example/?lang=en&amp;region=eu&amp;copy=1&currency=2">x</a>',
            "x: https://a.example/?lang=en&region=eu&copy=1&currency=2",
        ),
        (
            '<a href="https://a.example/?a=1&copy=2&reg=3&notit=4&ampere=5&#38;b=6">x</a>',
            "x: https://a.example/?a=1&copy=2&reg=3&notit=4&ampere=5&b=6",
        ),
        ('<a href="https://a.example/?e={{ email | url_encode }}">x</a>', "x: https://a.example/?e=a%40b.cd"),
        ('<a href="https://a.example/">{{ first_name }}</a>', "Anna: https://a.example/"),
        (
            '<a href="https://a.example/"><b>a</b> {% if email %}b{% else %}c{% endif %}</a>',
            "a b: https://a.example/",
        ),
        ("<p>https://shop.example/?a=1&amp;region=2</p>", "https://shop.example/?a=1&region=2"),
    ],
)
def test_links_are_words_and_address(html, wanted):
    assert text(html) == wanted


def lines_of(html):
    return text(html).split("\n")


def test_layout_tables_are_one_cell_below_the_other():
    inner = f"<table><tr><td><p>Left. {LONG}</p></td><td><p>Right. {LONG}</p></td></tr></table>"
    html = f'<table width="100%"><tr><td align="center"><table width="600"><tr><td><p>{LONG}</p></td></tr><tr><td align="center">Footer line.</td></tr><tr><td>{inner}</td></tr></table></td></tr></table>'
    lines = lines_of(html)
    assert max(map(len, lines)) < 80
    assert [line for line in lines if line != line.strip()] == []
    assert re.findall(r"Footer line\.|Left\.|Right\.", "\n".join(lines)) == [
        "Footer line.",
        "Left.",
        "Right.",
    ]
    assert " ".join(" ".join(lines).split()) == f"{LONG}Footer line. Left. {LONG}Right. {LONG}".strip()


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        (
            "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea</td><td>2 EUR</td></tr></table>",
            "Item | Price\nTea | 2 EUR",
        ),
        (
            "<table><tr><td>Tea</td><td>2 EUR</td></tr><tr><td><p></p></td><td>3</td></tr></table>".replace(
                "<p></p>", ""
            ),
            "Tea | 2 EUR\n| 3",
        ),
        (
            "<table role=presentation><tr><td>Tea</td><td>2 EUR</td></tr><tr><td>a</td><td>b</td></tr></table>",
            "Tea\n2 EUR\na\nb",
        ),
        ("<table><tr><td>Tea</td><td>2 EUR</td></tr></table>", "Tea\n2 EUR"),
        (
            "<table><tr><th>Item<th>Price{% if email %}<tr><td>Tea<td>2{% endif %}<tr><td>Milk<td>3</table>",
            "Item | Price\nTea | 2\nMilk | 3",
        ),
    ],
)
def test_tables_of_data_are_read_row_by_row(html, wanted):
    assert text(html) == wanted


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">x</div>',
        '<div style="DISPLAY : None !important">x</div>',
        "<div hidden>x</div>",
        "<style>.pre{display:none}</style><div class=pre>x</div>",
        '<span style="font-size:0px;line-height:0">x</span>',
        '<span style="visibility:hidden">x</span>',
        '<div style="max-height:0;overflow:hidden">x &zwnj;&nbsp;</div>',
        '<div style="opacity:0">x</div>',
        "<!--[if mso]>x<![endif]-->",
    ],
)
def test_what_is_hidden_is_left_out(hidden):
    assert text(f"<p>a</p>{hidden}<p>b</p>") == "a\n\nb"


def test_blanks_killed_by_font_size_do_not_hide_what_is_sized_again():
    assert (
        text(
            '<td style="font-size:0"><div style="font-size:16px">a</div> <p style="font-size:100%">b</p></td>'
        )
        == "a"
    )


@pytest.mark.parametrize("length", [10, 60, 77, 78, 79, 120])
def test_lines_stay_under_80_unless_an_address_is_longer(length):
    address = "https://a.example/" + "x" * length
    lines = lines_of(f'<p>{LONG}<a href="{address}">these words</a> {LONG}</p>')
    assert [line for line in lines if len(line) >= 80 and (address not in line or len(address) < 79)] == []
    assert any(address in line for line in lines)


def test_a_block_inside_a_link_keeps_its_words_apart():
    assert (
        text('<a href="https://a.example/"><table><tr><td>One</td><td>Two</td></tr></table></a>')
        == "One Two: https://a.example/"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://e.com/1">Click</a>here', "Click: https://e.com/1 here"),
        ('<a href="https://e.com/1">https://e.com/1</a><b>now</b>', "https://e.com/1 now"),
        (
            '<a href="https://e.com/1"><img alt="Shop"></a><a href="https://e.com/2"><img alt=""></a>',
            "Shop: https://e.com/1 https://e.com/2",
        ),
        ('<a href="https://e.com/1">A</a>{{ first_name }}', "A: https://e.com/1 Anna"),
        (
            '<a href="https://e.com/1">A</a>{% if full_name %}<a href="https://e.com/2">B</a>{% endif %}',
            "A: https://e.com/1 B: https://e.com/2",
        ),
        (
            '<a href="https://e.com/1">A</a>|<a href="https://e.com/2">B</a>',
            "A: https://e.com/1 |B: https://e.com/2",
        ),
        (
            '(<a href="https://e.com/1">A</a>), “<a href="https://e.com/2">B</a>”.',
            "(A: https://e.com/1), “B: https://e.com/2”.",
        ),
        ('<img alt="One"><img alt="Two">(<img alt="Three">)!', "One Two (Three)!"),
    ],
)
def test_nothing_runs_into_an_address_or_a_picture(html, text):
    assert lines_of(f"<p>{html}</p>")[0] == text
