"""Each page wide and light, narrow and dark, in both languages: no violation of axe's rules."""

import pytest

from e2e.conftest import NARROW, WIDE

PAGES = {
    "start": "/start/",
    "mailings": "/mailings/",
    "mailing": "/mailings/|tbody .main-cell a",
    "mailing-new": "/mailings/new/",
    "mailing-edit": "/mailings/|tbody .main-cell a|.page-actions a[href$='/edit/']",
    "mailing-copy": "/mailings/|tbody .main-cell a|.page-actions a[href$='/copy/']",
    "mailing-delete": "/mailings/|tbody .main-cell a|.page-actions a[href$='/delete/']",
    "clients": "/clients/",
    "client-new": "/clients/new/",
    "clients-none-found": "/clients/?q=nobody-has-this-name",
    "groups": "/groups/",
    "group": "/groups/|tbody .main-cell a",
    "messages": "/messages/",
    "message-new": "/messages/new/",
    "message": "/messages/|tbody .main-cell a",
    "reports": "/reports/",
    "report": "/reports/|tbody .main-cell a",
    "report-partly": "/reports/?state=partly|tbody .main-cell a",
    "outbox": "/outbox/",
}


LOOKS = [
    {"viewport": WIDE, "color_scheme": "light", "locale": "en"},
    {"viewport": NARROW, "color_scheme": "dark", "locale": "ru"},
]
in_both_looks = pytest.mark.parametrize("look", LOOKS, ids=["wide-light", "narrow-dark"])


@in_both_looks
def test_every_page(look, context_of, check):
    walk(context_of(**look).new_page(), PAGES, look, check)


def walk(page, pages, look, check):
    """Look at each page; an address may be followed by links to go on by."""
    for name, steps in pages.items():
        address, *clicks = steps.split("|")
        page.goto(address)
        for selector in clicks:
            href = page.locator(selector).first.get_attribute("href")
            page.goto(href)
        assert page.locator("html").get_attribute("lang") == look["locale"]
        check(page, f"{name}-{look['viewport']['width']}")


VISITED = {
    "home": "/",
    "blog": "/blog/",
    "article": "/blog/|main a[href^='/blog/']:not([href*='?']):not([href*='feed'])",
}


@in_both_looks
def test_what_a_visitor_sees(look, context_of, check):
    walk(context_of(None, **look).new_page(), VISITED, look, check)
