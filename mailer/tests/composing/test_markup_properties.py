"""Whatever an author nests, nothing of it is lost, and each branch is what it would be alone."""
# HTML as it is written

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from mailer.composing.markup.prepare import prepare
from mailer.composing.merge import HTML, TEXT, parse

pytestmark = pytest.mark.once

FOOTER = '<p id="footer">Bye <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
FOOTER_TEXT = ["Bye", "Unsubscribe: {{ unsubscribe_url }}"]
SHEET = "<style>p{color:red} .a, td.b{padding:1px} div p{margin:0!important}</style>"
VALUES = {"unsubscribe_url": "https://x/u/1/", "email": "a@b.cd", "full_name": "", "sender_name": "Me"}


def made(source):
    result = prepare(source=source, footer_html=FOOTER, footer_text=FOOTER_TEXT)
    assert "problem" not in result, result
    return result


words = st.sampled_from(
    ["one", "two words", "a &amp; b", "{{ first_name }}", "{", "%}", "x < y", " ", "\n", "&#123;{ z"]
)
simple = st.sampled_from(["p", "div", "b", "span", "li", "table", "td", "tr", "a", "ul", "blockquote"])
classes = st.sampled_from(
    ["", ' class="a"', " class=b", ' style="top:1px"', " style='left:2px;'", " CLASS='a b' data-x"]
)


def element(children):
    return st.builds(lambda name, attrs, inner: f"<{name}{attrs}>{inner}</{name}>", simple, classes, children)


def condition(children):
    return st.one_of(
        st.builds(lambda inner: f'{{% if first_name == "A" %}}{inner}{{% endif %}}', children),
        st.builds(
            lambda one, two: f'{{% unless first_name == "A" %}}{one}{{% else %}}{two}{{% endunless %}}',
            children,
            children,
        ),
        st.builds(
            lambda one, two: (
                f'{{% case first_name %}}{{% when "A" %}}{one}{{% when "B" %}}{two}{{% endcase %}}'
            ),
            children,
            children,
        ),
    )


def several(children):
    return st.lists(st.one_of(children, element(children), condition(children)), max_size=4).map("".join)


def is_liquid(source):
    try:
        parse(source, environment=HTML)
    except LiquidError:
        return False
    return True


bodies = st.recursive(words, several, max_leaves=25).filter(is_liquid)


def without_additions(html, source):
    """What is left when the styles and the footer that were added are taken away again."""
    html = re.sub(r"(?:</\w+>)*" + re.escape(FOOTER), "", html)
    html = re.sub(r' style="(?:color: red;|padding: 1px;|margin: 0;| )+"', "", html)
    return re.sub(
        r"(?:(?:color: red;|padding: 1px;|margin: 0;) ?)+(?=top|left)|(?:;? ?margin: 0;)(?=[\"'])", "", html
    )


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_taking_away_what_was_added_gives_the_author_s_text(body):
    source = f"{SHEET}{body}<hr>"
    html = made(source)["html"]
    author = re.sub(r";(?=')", "", source)
    assert re.sub(r";(?=')", "", without_additions(html, source)) == author


class Structure(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [(name, value) for name, value in attrs if name != "style"]))

    def handle_endtag(self, tag):
        self.found.append(tag)

    def handle_data(self, data):
        if self.found and isinstance(self.found[-1], str) and self.found[-1].startswith("text:"):
            self.found[-1] += data
        else:
            self.found.append("text:" + data)

    def handle_comment(self, data):
        self.found.append(("comment", data))

    def handle_decl(self, decl):
        self.found.append(("declaration", decl))


def structure(html):
    parser = Structure()
    parser.feed(html)
    parser.close()
    return parser.found


@settings(max_examples=300, deadline=None)
@given(bodies, st.sampled_from(["A", "B", "", "<&>"]))
def test_each_recipient_gets_the_structure_that_the_author_wrote(body, first_name):
    source = f"{SHEET}{body}<hr>"
    html = made(source)["html"]
    values = {**VALUES, "first_name": first_name}
    wanted = HTML.from_string(source).render(**values)
    got = HTML.from_string(html).render(**values)
    footer = HTML.from_string(FOOTER).render(**values)
    assert got.count(footer) == 1
    start = re.sub(r"(?:</\w+>)*" + re.escape(footer) + "$", "", got)
    assert structure(start) == structure(wanted)


def plain_words(text):
    return "".join(text.replace("*", "").split())  # an item that is empty for some has its bullet


@settings(max_examples=300, deadline=None)
@given(bodies, st.sampled_from(["A", "B", ""]))
def test_the_text_part_of_each_recipient_is_that_of_their_branch(body, first_name):
    """The same as the text part of the HTML in which the conditions are decided already."""
    values = {**VALUES, "first_name": first_name}
    mixed = made(body)["text"]
    TEXT.from_string(mixed)  # it can be read
    alone = made(
        HTML.from_string(body.replace("{{ first_name }}", "NAME")).render(**values).replace("{", "&lbrace;")
    )["text"]
    got = TEXT.from_string(mixed.replace("{{ first_name }}", "NAME")).render(**values)
    assert plain_words(got) == plain_words(TEXT.from_string(alone).render(**values))
    assert "\n\n\n" not in got, got
    if body.count("{% end") < 2:  # a blank between two conditions in one line may be left at its end
        assert not re.search(r"[ \t]\n", got), got
