"""Mails in the manner of the tools that people bring them from, put through and compared."""

import re
from pathlib import Path

import pytest

from mailer.composing.compiling import check_message, compile_message
from mailer.composing.merge import HTML, values_for

pytestmark = pytest.mark.once

WRITTEN = sorted((Path(__file__).parent / "written").glob("*.html"))
URL = "https://x.example/u/1/"
FOOTER = re.compile(
    r'<p style="margin-top:32px[^"]*">You receive this mail from Me\. <a[^>]*>Unsubscribe</a></p>'
)


def values(full_name):
    return values_for(full_name=full_name, email="a@b.cd", sender_name="Me", unsubscribe_url=URL)


def rendered(source, full_name):
    return HTML.from_string(source).render(**values(full_name))


def plain_of(html):
    """Every style attribute taken away, and the quotes of those that have none."""
    return re.sub(r"""\sstyle=(?:"[^"]*"|'[^']*'|[^\s>]+)""", "", html)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("full_name", ["Anna Lee", "Bob Lee", ""])
def test_all_but_the_added_styles_and_the_footer_is_the_author_s(path, full_name):
    source = path.read_text()
    check_message(subject="S", body=source)
    sent = compile_message(subject="S", body=source).fill(values(full_name)).html
    wanted = rendered(source, full_name)
    assert plain_of(FOOTER.sub("", sent)) == plain_of(wanted)
    assert len(FOOTER.findall(sent)) == (0 if path.stem == "mjml" else 1)


def styles_of(html):
    return re.findall(r"""\sstyle=("[^"]*"|'[^']*'|[^\s>]+)""", html)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_the_author_s_own_styles_stay_in_order(path):
    source = path.read_text()
    sent = iter(styles_of(FOOTER.sub("", compile_message(subject="S", body=source).fill(values("Bob")).html)))
    for own in styles_of(rendered(source, "Bob")):
        declarations = own.strip("\"'")
        assert any(declarations in found for found in sent), own


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "mjml",
            "Dear Anna,\nspring is here.\n"
            "Open the shop: https://shop.example/?utm_source=a&utm_copy=1\nUnsubscribe: https://x.example/u/1/\n",
        ),
        (
            "mailchimp",
            "It’s time to design & send\n\nHello Anna, look: https://shop.example/a?b=1&copy=2 here.\n\n",
        ),
        (
            "hybrid",
            "Left\n\nWords of the left column.\n\nRight\n\nWords of the right column.\n\nGo: https://shop.example/\n\n",
        ),
        ("foundation", "Hi, Anna Lee\n\nSign up: https://shop.example/\n\n"),
        ("outlook", "Dear Anna,\n\n· an item\n\nButton: https://shop.example/\n\n"),
    ],
)
def test_their_text_parts_read_well(name, text):
    source = next(path for path in WRITTEN if path.stem == name).read_text()
    sent = compile_message(subject="S", body=source).fill(values("Anna Lee")).text
    footer = "" if name == "mjml" else f"You receive this mail from Me.\nUnsubscribe: {URL}\n"
    assert sent == text + footer


def test_a_large_export_of_another_tool_is_welcome():
    source = next(path for path in WRITTEN if path.stem == "mailchimp").read_text()
    block = source[source.index('<table class="mcnTextBlock">') : source.index("</td></tr></TABLE>")]
    large = source.replace(block, block * 980)
    assert 300_000 < len(large) < 400_000
    sent = compile_message(subject="S", body=large).fill(values("Anna Lee")).html
    assert sent.count("Hello Anna") == 980
