"""Every mail shows everybody a way out, whatever its body hides."""
# ruff: noqa: E501  (HTML as it is written)

import re

import pytest

from mailer.composing.compiling import compile_message
from mailer.composing.merge import CannotCompile, values_for

pytestmark = pytest.mark.once

URL = "https://x.example/u/1/"
LINK = '<a href="{{ unsubscribe_url }}">Leave</a>'
WHITE = '<a style="color:#fff" href="{{ unsubscribe_url }}">Unsubscribe</a>'
OURS = f'<a href="{URL}" style="color:#666666">Unsubscribe</a>'


def fill(body, full_name, format="html"):
    values = values_for(full_name=full_name, email="a@b.cd", sender_name="Me", unsubscribe_url=URL)
    return compile_message(subject="S", body=body, format=format).fill(values)


@pytest.mark.parametrize(
    "body",
    [
        LINK,
        f"<p>News {LINK}</p>",
        f'<table><tr><td style="font-size:0">{LINK.replace("href", "style=font-size:12px href")}</td></tr></table>',
        '<a href="{{unsubscribe_url}}"><img src="bye.png" alt="Leave"></a>',
        f"{{% if first_name %}}<p>Hi</p>{{% endif %}}{LINK}",
        f"<!--[if !mso]><!--><p>x</p><!--<![endif]-->{LINK}",
        "<a href='{{ unsubscribe_url | escape }}'>Leave</a>",
        f'<div style="color:#fff">{LINK}</div>',  # a link has its own colour
        f'<div style="background:#000">{WHITE}</div>',
        f'<table bgcolor="#000000"><tr><td>{WHITE}</td></tr></table>',
        f'<table background="x.png"><tr><td>{WHITE}</td></tr></table>',
        f'<div style="background:#fff url(x.png)">{WHITE}</div>',
        f"<style>.f{{background-color:#333}} .f a{{color:#eee}}</style><div class=f>{LINK}</div>",
        f'<p style="visibility:hidden"><span style="visibility:visible">{LINK}</span></p>',
        f'<p style="opacity:0.5;font-size:9px;transform:scale(0.9)">{LINK}</p>',
        '<a href="{{ unsubscribe_url }}"><img src="x.png" width="1" height="1">Leave</a>',
    ],
)
def test_an_own_link_that_all_see_is_enough(body):
    for name in ("Anna", ""):
        filled = fill(body, name)
        assert OURS not in filled.html
        assert filled.html.count(URL) == 1
        assert filled.text.count(URL) == 1


HIDING = {
    "comment": f"<!-- {LINK} -->",
    "outlook": f"<!--[if mso]>{LINK}<![endif]-->",
    "outlook, revealed": f"<!--[if mso]><!-->{LINK}<!--<![endif]-->",
    "not outlook": f"<![if !mso]>{LINK}<![endif]>",
    "display": f'<div style="display:none">{LINK}</div>',
    "display of the link": '<a style="display:none" href="{{ unsubscribe_url }}">x</a>',
    "display by a class": f"<style>.h{{display:none}}</style><div class=h><p>{LINK}</p></div>",
    "display on telephones": f"<style>@media (max-width:9px){{.h{{display:none}}}}</style><p class=h>{LINK}</p>",
    "hidden": f"<p hidden>{LINK}</p>",
    "font size": f'<p style="font-size:0">{LINK}</p>',
    "font": f'<p style="font:0/0 a">{LINK}</p>',
    "visibility": f'<p style="visibility:hidden">{LINK}</p>',
    "height": f'<p style="max-height:0;overflow:hidden">{LINK}</p>',
    "opacity": f'<p style="opacity:0">{LINK}</p>',
    "far away": f'<p style="position:absolute;left:-9999px">{LINK}</p>',
    "attribute": '<p title="{{ unsubscribe_url }}">x</p>',
    "other link": '<a href="https://t.example/?to={{ unsubscribe_url | url_encode }}">x</a>',
    "cut": '<a href="{{ unsubscribe_url | truncate: 9 }}">x</a>',
    "bare text": "<p>{{ unsubscribe_url }}</p>",
    "empty link": '<p>x</p><a href="{{ unsubscribe_url }}"> </a>',
    "condition": f"{{% if first_name %}}{LINK}{{% endif %}}",
    "both branches": f"{{% if first_name %}}{LINK}{{% else %}}{LINK}{{% endif %}}",
    "condition around it": f'{{% if first_name %}}<div style="display:none">{{% else %}}<div>{{% endif %}}{LINK}</div>',
    "condition in the style": f'<p style="{{% if first_name %}}display:none{{% endif %}}">{LINK}</p>',
    "condition in the link": '<a {% if first_name %}href="{{ unsubscribe_url }}"{% endif %}>x</a>',
    "comment tag": f"<p>x</p>{{% comment %}}{LINK}{{% endcomment %}}",
    "title": f"<title>{LINK}</title><p>x</p>",
    "textarea": f"<textarea>{LINK}</textarea>",
    "noscript": f"<noscript>{LINK}</noscript>",
    "template": f"<template>{LINK}</template>",
    "iframe": f"<iframe>{LINK}</iframe>",
    "white": WHITE,
    "white on white": f'<div style="background:white">{WHITE}</div>',
    "white by a word": WHITE.replace("#fff", "white"),
    "white by a font": '<a href="{{ unsubscribe_url }}"><font color="#FFFFFF">x</font></a>',
    "nearly white": WHITE.replace("#fff", "rgb(250,250,250)"),
    "without colour": WHITE.replace("#fff", "rgba(0,0,0,0)"),
    "grey on grey": f'<table bgcolor="#cccccc"><tr><td>{WHITE.replace("#fff", "#ccc")}</td></tr></table>',
    "nearly transparent": f'<p style="opacity:.01">{LINK}</p>',
    "percent": f'<p style="opacity:1%">{LINK}</p>',
    "clipped": f'<p style="position:absolute;clip:rect(0, 0, 0, 0)">{LINK}</p>',
    "clip path": f'<p style="clip-path:inset(50%)">{LINK}</p>',
    "shrunk": f'<p style="transform:scale(0)">{LINK}</p>',
    "not in Outlook": f'<p style="mso-hide:all">{LINK}</p>',
    "tiny": f'<p style="font-size:1px;line-height:1px">{LINK}</p>',
    "blank": '<p>x</p><a href="{{ unsubscribe_url }}">&nbsp;</a>',
    "without width": '<p>x</p><a href="{{ unsubscribe_url }}">&#8203;&zwnj;</a>',
    "a point": '<p>x</p><a href="{{ unsubscribe_url }}"><img src="x.png" width="1" height="1"></a>',
    "details": f"<details><summary>More</summary>{LINK}</details>",
    "script": f"<script>var a = '{LINK}</body>'</script><p>x</p>",
}


def seen(html):
    """The HTML without what no reader shows."""
    html = re.sub(r"<!--.*?-->|<(script|style|textarea|title).*?</\1>", "", html, flags=re.DOTALL)
    assert "<!--" not in html
    return html


@pytest.mark.parametrize("body", HIDING.values(), ids=HIDING)
@pytest.mark.parametrize(
    "around", ["{}", "<html><body>{}</body></html><!-- end of </body> -->"], ids=["part", "whole"]
)
def test_ours_is_added_where_the_own_one_is_not_seen(body, around):
    for name in ("Anna", ""):
        filled = fill(
            around.replace("{}", body),
            name,
        )
        assert seen(filled.html).count(OURS) == 1
        assert f"\nUnsubscribe: {URL}\n" in filled.text


@pytest.mark.parametrize(
    ("body", "end"),
    [
        ('<div style="display:none">x', "x</div>"),
        ('<div style="display:none"><p><b>x', "x</b></p></div>"),
        ("<p>a</p><!-- x", "x-->"),
        ("<p>a</p><style>p{}", "p{}</style>"),
        ("<p>a</p><textarea>x", "x</textarea>"),
        ("<table><tr><td>x", "x</td></tr></table>"),
        ("<p>a</p><select><option>x", "x</option></select>"),
        ('{% if first_name %}<div style="display:none">{% endif %}x', "x</div>"),
        ("<!--[if mso]><!-->x<p>", "x<p><!--<![endif]-->"),
        ('<a href="https://a.example/">x', "x</a>"),
    ],
)
def test_ours_stands_outside_of_what_was_left_open(body, end):
    whole = f"<html><body>{body}"
    if not re.search("<!--|<style|<textarea", body):  # which would swallow it
        whole += "</body></html>"
    html = fill(whole, "Anna").html
    assert re.search(re.escape(end) + r'<p style="margin-top:32px', html), html


def test_ours_is_not_put_into_a_comment_or_a_script():
    body = "<html><body><p>Our news.</p><script>a = '</body>'</script></body></html><!-- end of </body> -->"
    html = fill(body, "Anna").html
    assert html.startswith("<html><body><p>Our news.</p><script>a = '</body>'</script><p style=")
    assert html.endswith("</p></body></html><!-- end of </body> -->")


def test_a_body_that_hides_itself_is_refused():
    with pytest.raises(CannotCompile, match="nobody would see the unsubscribe link"):
        fill('<body style="display:none"><p>x</p></body>', "Anna")


@pytest.mark.parametrize(
    "body",
    [
        "Text {% if first_name %}{{ unsubscribe_url }}{% endif %}",
        "Text {% comment %}{{ unsubscribe_url }}{% endcomment %}",
        "Text {{ unsubscribe_url | truncate: 9 }}",
    ],
)
def test_a_plain_text_has_one_outside_of_all_conditions(body):
    for name in ("Anna", ""):
        filled = fill(body, name, "text")
        assert f"\nUnsubscribe: {URL}\n" in filled.text
        assert f'<a href="{URL}">{URL}</a>' in filled.html


def test_an_own_one_in_a_plain_text_is_enough():
    filled = fill("Text\nLeave: {{ unsubscribe_url }}", "Anna", "text")
    assert filled.text == f"Text\nLeave: {URL}\n"
    assert filled.html.count(f'href="{URL}"') == 1
