"""Each field that asks for something of one's own says so to the browser (WCAG 2.2, 1.3.5); no other does.

Passwords are filled in by a manager of passwords, one's own name by the browser; and a client's name never by
one's own. All pages are walked, as everybody who sees a form there.
"""

from html.parser import HTMLParser

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.test import Client as Browser
from django.urls import reverse

from testing.factories import PASSWORD
from testing.pages import DIALOG
from testing.permissions import TABLE, address

# Passwords and codes, wherever they are asked for.
SECRETS = {
    "password": "current-password",
    "oldpassword": "current-password",
    "password1": "new-password",
    "password2": "new-password",
    "code": "one-time-code",
}
OWN = {
    "login": {"account_login": "email"},
    "email": dict.fromkeys(
        ("account_signup", "account_reset_password", "account_email", "join", "join_embed", "senders"),
        "email",
    ),
    "full_name": dict.fromkeys(("join", "join_embed"), "name"),  # whoever signs up types their own
    "name": dict.fromkeys(("account_signup", "account_profile"), "name"),
    "company": {"account_profile": "organization"},
}
# What the browser may offer though it is nothing of one's own: what was typed there before.
TYPED_BEFORE = {"subject"}


class Fields(HTMLParser):
    """The fields of a page that one types into: name, type and autocomplete."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        of = {name: value or "" for name, value in attrs}
        kind = of.get("type", "text")
        if tag == "input" and kind in ("text", "email", "password", "tel"):
            self.found.append((of.get("name", ""), kind, of.get("autocomplete", "")))


def fields_of(answer):
    if answer.status_code != 200 or answer.streaming or "html" not in answer["Content-Type"]:
        return []
    return Fields(answer.content.decode()).found


def wrong(page, fields):
    """Those that do not say what they are for."""
    said = []
    for name, kind, purpose in fields:
        expected = SECRETS.get(name) or OWN.get(name, {}).get(page)
        if expected is None:
            expected = "on" if name in TYPED_BEFORE else "off"
        if purpose != expected or (kind == "password") != (expected.endswith("-password")):
            said.append((page, name, kind, purpose))
    return said


@pytest.fixture
def browsers(owner, manager, superuser, client_of):
    found = {"anybody": Browser()}
    for user in (owner, manager, superuser):
        found[user.email] = client_of(user)
        found[user.email].post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return found


def test_every_field_of_every_page_says_what_it_is_for(browsers, arguments):
    met, said = set(), []
    for browser in browsers.values():
        for page in TABLE:
            if page == "account_logout":
                continue
            for headers in ({}, DIALOG):
                fields = fields_of(browser.get(address(page, arguments), headers=headers))
                met |= {name for name, *_ in fields}
                said += wrong(page, fields)
    assert said == []
    assert met >= {"login", "email", "name", "company", "full_name", "reason", *SECRETS}


def test_so_do_those_behind_a_link_or_a_second_step(owner):
    key = f"{user_pk_to_url_str(owner)}-{default_token_generator.make_token(owner)}".partition("-")
    link = reverse("account_reset_password_from_key", kwargs={"uidb36": key[0], "key": key[2]})
    reset = Browser().get(link, follow=True)
    assert [name for name, *_ in fields_of(reset)] == ["password1", "password2"]
    assert wrong("account_reset_password_from_key", fields_of(reset)) == []
