"""Texts that make a careless pattern look at each letter again and again: one request would stop a worker.

The sizes are far below what a request may hold; with the square of them each took ten seconds and more.
"""

import contextlib
import json
from collections.abc import Callable
from time import process_time

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from mailer.audience.importing import columns, rows, vcard, xlsx_dates
from mailer.audience.proof_of_work import solved
from mailer.checking.placeholders import foreign_placeholders
from mailer.composing import looking
from mailer.composing.attachment_kinds import clean_name
from mailer.composing.blocks import mjml
from mailer.composing.blocks.document import empty
from mailer.composing.blocks.rendering import html_of
from mailer.composing.compiling import check_message
from mailer.composing.drafts import Written
from mailer.composing.languages import language_of
from mailer.composing.merge import CannotCompile
from mailer.composing.plain_text import as_html
from mailer.models.attribute import key_from
from mailer.models.subscribing import validate_sites
from mailer.reporting.answers import ADDRESS
from mailer.returns.erasing import without
from mailer.views.online import titled
from people.addresses import parse
from people.validators import validate_display_name

MARKS = "\u0300\u0316" * 30_000  # to be put in order, one by one

TEXTS: dict[str, tuple[Callable[[str], object], str]] = {
    "blanks inside an address": (parse, "é" + " " * 60_000 + "é"),
    "blanks inside a long address": (parse, "a" + " " * 60_000 + "b"),
    "marks in an address": (parse, f"a{MARKS}@example.com"),
    "marks in a name": (validate_display_name, f"a{MARKS}"),
    "marks in a heading": (columns.key, f"a{MARKS}"),
    "marks in an attribute": (key_from, f"a{MARKS}"),
    "comments that never end": (language_of, "<!--" * 30_000),
    "sheets that never end": (language_of, "<style </p>" * 15_000),
    "scripts that never end": (lambda text: foreign_placeholders("", text), "<script " * 20_000),
    "fields of another program": (lambda text: foreign_placeholders("", text), "<%" * 40_000),
    "brackets after an address": (as_html, "https://a" + ")" * 200_000),
    "blanks in a line of links": (mjml.links_of, ("x" + " " * 1_900 + "x\n") * 50),
    "blanks in a cell": (rows.split, f"{' ' * 50_000}x@x{' ' * 50_000}x"),
    "a cell without an address": (columns.has_address, "x" * 99_000 + " @"),
    "a cell that is nearly one": (columns.has_address, "x@" + "x" * 99_000),
    "a card": (vcard._PROPERTY.fullmatch, 'A;"' + ';""' * 30_000),
    "a number's format": (lambda text: xlsx_dates._NOT_CODE.sub("", text), "[" * 99_000),
    "a head that never ends": (lambda text: titled(text, "x"), "<head " * 20_000),
    "names of files": (clean_name, f"a{'.' * 60_000}b{' ' * 60_000}c"),
    "sites of a form": (validate_sites, "https://" + "a-." * 60_000),
    "a number that proves work": (lambda text: solved(slug="x", challenge="x", nonce=text), "1" * 200_000),
    "an address in an answer": (lambda text: without(text, "a@example.org"), "a@" * 100_000),
    "an answer": (lambda text: ADDRESS.sub("", text), "x" * 4_000),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_takes_time_in_proportion_to_its_length(name):
    reads, text = TEXTS[name]
    began = process_time()
    with contextlib.suppress(ValidationError):
        reads(text)
    assert process_time() - began < 1  # milliseconds; a bound on the order, not a benchmark


@pytest.mark.django_db
def test_nobody_stops_the_log_in_page_with_blanks():
    began = process_time()
    for name in ("login", "email"):
        for page in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
            sent = {name: "é" + " " * 400_000 + "é", "password": "x", "name": f"a{MARKS}"}
            assert Browser().post(page, sent).status_code in (200, 422)
    assert process_time() - began < 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    "written",
    [
        Written(subject="x", format="html", body="<p>" + "\u27e6a\u27e7" * 60_000 + "</p>"),
        Written(subject="x", format="html", body="<p>x</p>" + "<!--" * 60_000),
        Written(subject="x", format="html", body="<p>x</p>" + "<%" * 60_000),
        Written(subject="x", format="text", body="https://a" + ")" * 200_000),
        Written(subject="x", format="text", body="\u27e6a\u27e7" * 60_000),
    ],
    ids=["marks", "comments", "fields", "brackets", "marks in text"],
)
def test_a_preview_takes_time_in_proportion(owner, written):
    began = process_time()
    looking.look(written=written, owner=owner, client=None)
    with contextlib.suppress(ValidationError):
        check_message(subject=written.subject, body=written.body, format=written.format)
    assert process_time() - began < 3


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["{{" * 200_000, "x" * 400_000], ids=["fields", "length"])
def test_what_stands_beside_the_blocks_is_looked_at_too(owner, client_of, value):
    """The name in a logo is typed as freely as a block."""
    content = {
        **empty(),
        "theme": {"logo": "ours:letter", "logo_alt": value},
        "blocks": [{"id": "b1", "type": "text", "text": "x"}],
    }
    began = process_time()
    with pytest.raises(CannotCompile):
        html_of(content, pictures={"ours:letter": mjml.Shown("https://x.example/a.jpg", 600, "")})
    assert process_time() - began < 1
    assert len(json.dumps(content)) > 100_000


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ('"Ann Lee" <a@example.com>', [("a@example.com", "Ann Lee")]),
        ("Ann Lee < a@example.com >", [("a@example.com", "Ann Lee")]),
        ("<a@example.com>", [("a@example.com", "")]),
        ('Ann" <a@example.com>', [("a@example.com", "Ann")]),
        ('A "B" C <a@example.com>', [('A "B" C <a@example.com>', "")]),
        ("<Ann> <a@example.com>", [("<Ann> <a@example.com>", "")]),
    ],
)
def test_a_name_beside_an_address_is_read_as_before(cell, found):
    assert rows.split(cell) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Telegram https://t.me/x", [("Telegram", "https://t.me/x")]),
        ("  Telegram:  https://t.me/x  ", [("Telegram", "https://t.me/x")]),
        ("https://t.me/x/", [("t.me/x", "https://t.me/x/")]),
        ("Mail:mailto:a@example.com", [("Mail", "mailto:a@example.com")]),
        ("https://t.me/x and more", []),
        ("", []),
    ],
)
def test_a_line_of_links_is_read_as_before(line, found):
    assert mjml.links_of(line) == found
