"""What a message becomes: merge fields, HTML with inlined styles, a text part, a way out."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.utils.html import escape
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.composing.compiling import compile_message, one_line
from mailer.composing.merge import MERGE_FIELDS, SAMPLE, check_template, values_for
from mailer.composing.plain_text import as_html

pytestmark = pytest.mark.once

VALUES = dict(
    values_for(full_name="Ёлка <b>&", email="a@b.cd", sender_name="Me", unsubscribe_url="https://x/u/1/")
)


def fill(body, subject="S", format="html"):
    return compile_message(subject=subject, body=body, format=format).fill(VALUES)


def test_merge_values_are_escaped_in_the_html_part_only():
    filled = fill("<p>{{ full_name }}</p>", subject="Re: {{ full_name }}")
    assert "<p>Ёлка &lt;b&gt;&amp;</p>" in filled.html
    assert "Ёлка <b>&" in filled.text
    assert filled.subject == "Re: Ёлка <b>&"


def test_style_sheets_are_inlined_and_media_queries_kept():
    filled = fill("<style>p{color:red} @media (max-width:9px){p{color:blue}}</style><p>x</p>")
    assert '<p style="color: red;">x</p>' in filled.html
    assert "@media" in filled.html


def test_liquid_survives_the_html_tools():
    body = '<p>{% if full_name != "" and 2 > 1 %}{{ full_name | upcase }}{% else %}-{% endif %}</p>'
    filled = fill(body)
    assert "ЁЛКА &lt;B&gt;&amp;" in filled.html
    assert filled.text.startswith("ЁЛКА <B>&")


def test_plain_text_keeps_its_lines_and_gets_links():
    filled = fill("Hello {{ first_name }},\nline two\n\nhttps://example.com/?a=1&b=2", format="text")
    assert "Hello Ёлка,<br>line two" in filled.html
    assert '<a href="https://example.com/?a=1&amp;b=2"' in filled.html
    assert filled.text.startswith("Hello Ёлка,\nline two\n\nhttps://example.com/?a=1&b=2")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("(see {}).", "(see {})."),
        ("«{}», “{}” „{}“", "«{}», “{}” „{}“"),
        ("{}… {}’ {}。", "{}… {}’ {}。"),
        ("«{}»—{}", "«{}»—{}"),
    ],
)
def test_an_address_in_a_plain_text_ends_where_its_sentence_goes_on(text, html):
    link = '<a href="https://e.com/a">https://e.com/a</a>'
    assert as_html(text.replace("{}", "https://e.com/a")) == f"<p>{html.replace('{}', link)}</p>"


@pytest.mark.parametrize("body", ["plain", "<p>html</p>", "<html><body><p>doc</p></body></html>"])
def test_every_mail_has_a_visible_way_out_once(body):
    filled = fill(body)
    assert filled.html.count('href="https://x/u/1/"') == 1
    assert filled.text.count("https://x/u/1/") == 1
    assert "Unsubscribe" in filled.text


def test_an_own_unsubscribe_link_replaces_ours():
    filled = fill('<a href="{{ unsubscribe_url }}">Bye</a>')
    assert filled.html.count("https://x/u/1/") == 1
    assert "Unsubscribe" not in filled.text


def test_the_way_out_speaks_the_language_of_the_message():
    assert "Unsubscribe" in fill("Good day").text
    assert "Unsubscribe" in fill("Hello, Анна").text


def test_a_body_that_looks_like_a_stand_in_is_left_alone():
    assert "LQ000N5X LIQUID7X" in fill("LQ000N5X LIQUID7X").text


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{ nobody }}", "There is no merge field “nobody”. Available: full_name"),
        ("{{ full_name.secret }}{{ a.b }}", "There is no merge field “a”"),
        ("{{ full_name | evil }}", "There is no filter “evil”"),
        ("{{ full_name | safe }}", "There is no filter “safe”"),
        ("a\nb {{ full_name", "a merge field is not closed within 500 characters (line 2)"),
        ("{% if %}x{% endif %}", "missing expression (line 1)"),
        ("{% for i in (1..100000000) %}x{% endfor %}", "unexpected tag 'for'"),
        ("{% include 'secrets' %}", "unexpected tag 'include'"),
        ("{% assign a = 'x' %}", "unexpected tag 'assign'"),
        ("{{ full_name | truncate: 'x' }}", "line 1"),
    ],
)
def test_bad_merge_fields_are_refused_with_a_reason(source, says):
    with pytest.raises(ValidationError) as caught:
        check_template(source)
    assert says in caught.value.messages[0]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no fields",
        "{{ first_name | default: 'friend' }}",
        "{{ full_name | split: ' ' | last }}",
        "{ {%- comment -%}x{%- endcomment -%}",
    ],
)
def test_good_merge_fields_pass(source):
    check_template(source)


def test_every_merge_field_has_a_sample():
    assert set(MERGE_FIELDS) == set(SAMPLE) == set(VALUES)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_can_start_a_header_of_its_own(text):
    assert len(one_line(text).splitlines()) <= 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80).filter(lambda text: "{" not in text and "\x00" not in text))
def test_any_literal_body_compiles(text):
    filled = fill(text, format="text")
    assert "https://x/u/1/" in filled.html
    assert "https://x/u/1/" in filled.text


@pytest.mark.parametrize("word", ["<nell@example.net>", "<name>", "I <3 you & 1 < 2"])
def test_a_plain_text_with_angle_brackets_is_no_html(word):
    compiled = compile_message(subject="x", body=f"Hello,\n\nwrite to {word}\n\nBye", format="text")
    assert f"Hello,\n\nwrite to {word}\n\nBye" in compiled.text.render(**SAMPLE)
    html = compiled.html.render(**SAMPLE)
    assert escape(word) in re.sub(r"</?a[^>]*>", "", html)


def test_links_in_the_text_part_can_be_followed():
    body = (
        '<p>See <a href="https://example.com/a?b=1">the offer</a> or '
        '<a href="https://example.com/">https://example.com/</a>.</p><br><br><br><p>Bye</p>'
    )
    text = compile_message(subject="x", body=body).text.render(**SAMPLE)
    assert "See the offer: https://example.com/a?b=1 or https://example.com/." in text
    assert "Unsubscribe: https://example.com/u/sample/" in text
    assert "\n\n\n" not in text
