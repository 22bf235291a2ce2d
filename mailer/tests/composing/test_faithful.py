"""What the author wrote is what arrives: sheets, doctypes, comments, conditions, and Liquid in them."""
# ruff: noqa: E501  (HTML as it is written)

import re
from html import unescape

import pytest
from django.core.exceptions import ValidationError

from mailer.composing.compiling import check_message, check_template, compile_message
from mailer.composing.markup import edits
from mailer.composing.merge import CannotCompile, values_for

pytestmark = pytest.mark.once

LINK = "https://x.example/u/1/"


def fill(body, full_name="Anna Petrova", format="html"):
    values = values_for(full_name=full_name, email="a@b.cd", sender_name="Me", unsubscribe_url=LINK)
    return compile_message(subject="S", body=body, format=format).fill(values)


TABLE = """<table width="600">
{% if first_name != "" %}
<tr><td>Dear {{ first_name }}, members pay 10 EUR.</td></tr>
{% else %}
<tr><td>Dear customer, the price is 20 EUR.</td></tr>
{% endif %}
<tr><td>Body</td></tr>
</table>"""


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_branch_between_table_rows_goes_to_those_it_is_for(part):
    anna, nobody = getattr(fill(TABLE), part), getattr(fill(TABLE, full_name=""), part)
    assert ("10 EUR" in anna, "20 EUR" in anna) == (True, False)
    assert ("10 EUR" in nobody, "20 EUR" in nobody) == (False, True)
    assert "Body" in anna
    assert "Body" in nobody


A, B = '{% if first_name == "Anna" %}', "{% endif %}"


@pytest.mark.parametrize(
    ("body", "yes", "no"),
    [
        (f"<table><tr>{A}<td>one</td>{B}<td>two</td></tr></table>", "one\ntwo", "two"),
        (
            f"<table>{A}<tbody><tr><td>one</td></tr></tbody>{B}<tbody><tr><td>two</td></tr></tbody></table>",
            "one\ntwo",
            "two",
        ),
        (f"<table><colgroup>{A}<col width=1>{B}<col></colgroup><tr><td>one</td></tr></table>", "one", "one"),
        ("<table><tr><td>a</td></tr>{{ first_name }}<tr><td>b</td></tr></table>", "a\nAnnab", "a\nBob b"),
        (f"<ul>{A}<li>one</li>{B}<li>two</li></ul>", "* one\n* two", "* two"),
        (f"<ol>{A}<li>one</li>{B}<li>two</li></ol>", "* one\n* two", "* two"),
        (f"<select>{A}<option>one</option>{B}<option>two</option></select>", "one\ntwo", "two"),
        (
            '<table>{% case first_name %}{% when "Anna" %}<tr><td>one</td></tr>{% when "Bob" %}'
            "<tr><td>two</td></tr>{% else %}<tr><td>three</td></tr>{% endcase %}</table>",
            "one",
            "two",
        ),
        (f"<p>Hi{A} there{B}, you</p>", "Hi there, you", "Hi, you"),
        (f"<p>Hi</p>{A}<p>one</p>{B}<p>two</p>", "Hi\n\none\n\ntwo", "Hi\n\ntwo"),
        (f"<p>{A}one{B} two</p>", "one two", "two"),
        (f"<!-- {A} --><p>one</p><!-- {B} --><p>two</p>", "one\n\ntwo", "two"),
        ("<p>one {%- if first_name == 'Anna' -%} , two {%- endif -%} .</p>", "one, two.", "one."),
        (
            '{% if first_name == "Anna" %}<a href="https://a.example/">{% else %}<a href="https://b.example/">{% endif %}go</a> x',
            "go: https://a.example/ x",
            "go: https://b.example/ x",
        ),
        (
            f'<p>{A}<a href="https://a.example/">{B}go{A}</a>{B} on</p>',
            "go: https://a.example/ on",
            "go on",
        ),
    ],
)
def test_branches_in_the_text_part_stand_at_their_places(body, yes, no):
    end = "\n\nYou receive this mail from Me.\nUnsubscribe: " + LINK + "\n"
    if "{{ first_name }}<tr>" in body:
        yes, no = "a\nAnna\nb", "a\nBob\nb"
    assert fill(body).text == yes + end
    assert fill(body, full_name="Bob").text == no + end


@pytest.mark.parametrize(
    ("tag", "anna", "bob"),
    [
        (
            '<td {% if first_name == "Anna" %}bgcolor="#eee"{% endif %} style="padding:4px">',
            '<td bgcolor="#eee" style="padding:4px">',
            '<td  style="padding:4px">',
        ),
        ('<td{% if first_name == "Anna" %} bgcolor="#eee"{% endif %}>', '<td bgcolor="#eee">', "<td>"),
        (
            '<td class="{% if first_name == "Anna" %}a{% else %}b{% endif %}">',
            '<td class="a">',
            '<td class="b">',
        ),
        ('<td title="{{ first_name | default: "you" }}">', '<td title="Anna">', '<td title="Bob">'),
        ("<td title={{ full_name }}>", '<td title="Anna Petrova">', '<td title="Bob">'),
        (
            "<td {% if first_name == 'Anna' %}style='top:1px'{% else %}style='top:2px'{% endif %}>",
            "<td style='top:1px'>",
            "<td style='top:2px'>",
        ),
    ],
)
def test_liquid_works_inside_a_tag(tag, anna, bob):
    body = f"<table><tr>{tag}x</td></tr></table>"
    assert anna in fill(body).html
    assert bob in fill(body, full_name="Bob").html
    check_message(subject="S", body=body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<p>a</p>\n<h{{ first_name }}>x</h1>", "a merge field cannot be the name of an HTML tag (line 2)"),
        ("<p>a</p>\n<{{ first_name }}>x", "a merge field cannot be the name of an HTML tag (line 2)"),
        ("<p>a</{{ first_name }}>x", "a merge field cannot be the name of an HTML tag (line 1)"),
        (
            "\n<p {{ first_name }}>x</p>",
            "a merge field can be the value of an HTML attribute, but not its name (line 2)",
        ),
        (
            "<p data-{{ first_name }}=1>x</p>",
            "a merge field can be the value of an HTML attribute, but not its name (line 1)",
        ),
        ("<p>a</p>\n\n<a href='x", "the HTML tag that begins here is not closed (line 3)"),
        (
            '<p>a</p>\n<p {% if email %}title="x{% else %}title="y{% endif %}">x</p>',
            "a Liquid tag cuts an HTML tag",
        ),
        ("<p>a</p>\n<p {% if email %}>x{% else %}class=a>y{% endif %}</p>", "a Liquid tag cuts an HTML tag"),
        (
            "<p>a</p>\n<td {% if email %}bgcolor{% else %}color{% endif %}=red>x</td>",
            "a Liquid tag cuts an HTML tag",
        ),
        ("<p>a</p>\n{% if email %}<!-- {% endif %}<p>b</p>-->", "a Liquid tag cuts an HTML tag"),
        ("<p>a</p>\n<{% if email %}p{% else %}b{% endif %}>x", "a Liquid tag cuts an HTML tag"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_line(body, says):
    check_template(body)
    with pytest.raises(ValidationError) as refused:
        check_message(subject="S", body=body)
    assert says in refused.value.messages[0]
    if "cuts" in says:
        assert "(line 2)" in refused.value.messages[0]


def test_sheets_for_other_media_stay_and_are_not_inlined():
    sheets = (
        "<style>.t{color:#222}</style>\n"
        '<style media="print">.t{display:none}</style>\n'
        '<style media="screen and (max-width:480px)">.t{font-size:22px !important}</style>\n'
        "<style>@media print{.t{display:none}} @import url(a.css); @font-face{font-family:F;src:url(f)}</style>"
    )
    html = fill(f'<html><head>{sheets}</head><body><p class="t">This is seen.</p></body></html>').html
    assert sheets in html
    assert '<p class="t" style="color: #222;">This is seen.</p>' in html


@pytest.mark.parametrize(
    "sheet",
    [
        "<style type='text/x-other'>p{color:red}</style>",
        "<style>{% if first_name %}p{color:red}{% endif %}</style>",
        "{% if first_name %}<style>p{color:red}</style>{% endif %}",
        "<!--[if mso]><style>p{color:red}</style><![endif]-->",
        "<!--[if !mso]><!--><style>p{color:red}</style><!--<![endif]-->",
        "<![if !mso]><style>p{color:red}</style><![endif]>",
        "<style media='(prefers-color-scheme: dark)'>p{color:red}</style>",
        "<style>p:hover{color:red} p::first-line{color:red} [data-ogsc] p{color:red} u + .body p{color:red}</style>",
        "<style>@media screen{p{color:red}} @supports (top:1px){p{color:red}}</style>",
    ],
)
def test_rules_that_are_not_for_everybody_are_not_inlined(sheet):
    html = fill(f"<html><head>{sheet}</head><body><p>x</p></body></html>").html
    assert "<p>x</p>" in html


@pytest.mark.parametrize(
    ("sheet", "tag", "inlined"),
    [
        ("p{color:red}", '<p style="top:1px">', '<p style="color: red; top:1px">'),
        ("p{color:red}", '<p style="color:blue">', '<p style="color:blue">'),
        ("p{color:red !important}", '<p style="color:blue">', '<p style="color:blue; color: red;">'),
        ("p{color:red !important}", '<p style="color:blue!important">', '<p style="color:blue!important">'),
        ("p{color:red !important} p.a{color:blue}", '<p class="a">', '<p class="a" style="color: red;">'),
        ("p.a{color:red} p{color:blue}", "<p class=a>", '<p class=a style="color: red;">'),
        ('p{font-family:"Open Sans",serif}', "<p>", "<p style=\"font-family: 'Open Sans',serif;\">"),
        (
            "p{background:red;background:linear-gradient(red,blue)}",
            "<p>",
            '<p style="background: red; background: linear-gradient(red,blue);">',
        ),
        ("p{color:red}", "<p style=top:1px>", '<p style="color: red; top:1px">'),
        ("p{color:red}", "<P\n CLASS='A'  data-x >", "<P\n CLASS='A'  data-x style=\"color: red;\" >"),
        ("p{color:red}", '<p title="a>b">', '<p title="a>b" style="color: red;">'),
        ("p{color:red} p:first-child{top:1px}", "<p>", '<p style="color: red; top: 1px;">'),
    ],
)
def test_inlining_adds_what_the_cascade_gives(sheet, tag, inlined):
    html = fill(f"<html><head><style>{sheet}</style></head><body>{tag}x</p></body></html>").html
    assert f"<body>{inlined}x</p>" in html


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n<html xmlns="http://www.w3.org/1999/xhtml">',
        "<!doctype HTML>\n<HTML>",
        '<!DOCTYPE html [\n<!ENTITY nbsp "&#160;">\n]>\n<html xmlns="http://www.w3.org/1999/xhtml">',
        "\ufeff<!DOCTYPE html><html>",
        '<?xml version="1.0"?>\n<!DOCTYPE html><html>',
        "<!-- first --><!DOCTYPE html><html>",
        "<!DOCTYPE html>",
        "<html>",
    ],
)
def test_the_document_begins_as_the_author_wrote_it(start):
    filled = fill(f"{start}<body bgcolor=#fff><p>Hi</p></body>")
    assert filled.html.startswith(f"{start}<body bgcolor=#fff><p>Hi</p>")
    assert filled.text.startswith("Hi\n")


def test_a_comment_tag_before_the_doctype_leaves_it_first():
    body = "{% comment %}Spring campaign{% endcomment %}<!DOCTYPE html>\n<html><body><p>Hi</p></body></html>"
    assert fill(body).html.startswith("<!DOCTYPE html>\n<html><body><p>Hi</p>")


CONDITIONAL = """<!--[if !mso]><!--><link href="https://f.example/css?family=Ubuntu&amp;x=1" rel="stylesheet"><style>@import url(https://f.example/css);</style><!--<![endif]-->
<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://x.example/" style="height:40px"><center>Go</center></v:roundrect><![endif]-->
<![if !mso]><a href="https://x.example/">Go</a><![endif]>
<!--[if (gte mso 9)|(IE)]><table><tr><td><![endif]-->&nbsp;&#8202;<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->"""


def test_outlook_s_conditions_are_kept_byte_for_byte():
    filled = fill(f"<html><body>{CONDITIONAL}</body></html>")
    assert CONDITIONAL in filled.html
    assert filled.text.startswith("Go: https://x.example/\n")


def test_an_element_in_a_branch_gets_its_styles():
    body = '<style>.a{color:red}</style>{% if first_name == "Anna" %}<p class="a">x</p>{% endif %}'
    assert '<p class="a" style="color: red;">x</p>' in fill(body).html


def test_rules_about_neighbours_are_left_to_the_sheet_where_neighbours_differ():
    body = f"<style>p:first-child{{color:red}}</style><div>{A}<p>one</p>{B}<p>two</p></div>"
    assert "<p>one</p><p>two</p>" in fill(body).html


@pytest.mark.parametrize("word", ["lq8c7f", "LQ0N0X", "\ue000", "{{'{'}}"])
def test_no_mark_of_ours_leaves(word):
    filled = fill(f"<p>{{% if first_name == 'Anna' %}}{word if '{' not in word else 'x'}{{% endif %}}</p>")
    assert not re.search(r"LQ[0-9a-f]{12}N\d|lq[0-9a-f]{12}n\d", filled.html + filled.text)


def test_braces_that_are_no_liquid_stay_what_they_are():
    filled = fill("<p>&lbrace;&lbrace; email &rbrace;&rbrace; {<b>{</b> email }} {<i>% if %}</i></p>")
    assert filled.text.startswith("{{ email }} {{ email }} {% if %}\n")


@pytest.mark.parametrize(
    "text",
    [
        "Read the terms (https://shop.example/terms), then write to us (sales@shop.example). Thanks!",
        'See https://a.example/wiki/Foo_(bar)! And <https://b.example/>; "www.c.example", it\'s 1 < 2 & 3 > 2.',
        "A link: https://a.example/?q=a&b=(c), [https://d.example/x]. https://e.example/…",
        "(((https://a.example)))...!?",
        "mail:x@y.example,z@y.example;",
        "https://a.example/?name={{ first_name }}&x=1).",
        "**https://a.example/** 'https://b.example/'",
    ],
)
def test_every_character_of_a_plain_text_stays(text):
    filled = fill(text, format="text")
    wanted = text.replace("{{ first_name }}", "Anna")
    assert filled.text.startswith(wanted + "\n")
    html = filled.html.partition("<body>")[2]
    assert unescape(re.sub(r"<[^>]*>", "", html.partition("</p>")[0])) == wanted


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("(https://shop.example/terms),", "https://shop.example/terms"),
        ("https://a.example/wiki/Foo_(bar)!", "https://a.example/wiki/Foo_(bar)"),
        ("write to sales@shop.example.", "mailto:sales@shop.example"),
        ("see www.shop.example, or", "https://www.shop.example"),
        ("https://a.example/?a=1&b=2.", "https://a.example/?a=1&amp;b=2"),
    ],
)
def test_addresses_in_a_plain_text_become_links(text, address):
    assert f'<a href="{address}">' in fill(text, format="text").html


def test_a_part_that_would_not_be_kept_is_never_sent():
    with pytest.raises(AssertionError, match="lost"):
        edits.apply("abc", [(1, "x"), (-1, "y")])


def test_a_deep_nesting_in_a_branch_is_refused_like_any():
    with pytest.raises(CannotCompile):
        compile_message(subject="x", body="{% if email %}" + "<div>" * 40_000 + "{% endif %}")


@pytest.mark.parametrize(
    ("body", "html", "text"),
    [
        ("<p>{% raw %}{{ first_name }}{% endraw %}</p>", "<p>{{ first_name }}</p>", "{{ first_name }}"),
        ("<p>{% raw %}{% if %}{% endraw %} {{ first_name }}</p>", "{% if %} Anna", "{% if %} Anna"),
        (
            "<table>{% raw %}<tr><td>{{ x }}</td></tr>{% endraw %}</table>",
            "<table><tr><td>{{ x }}</td></tr></table>",
            "{{ x }}",
        ),
    ],
)
def test_what_is_not_to_be_filled_stays_in_both_parts(body, html, text):
    filled = fill(body)
    assert html in filled.html
    assert filled.text.startswith(text)
