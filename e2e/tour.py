"""Every page of the site with who looks at it, for what walks over them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from playwright.sync_api import Browser, BrowserContext, Page

from e2e.conftest import PASSWORD

MAIN = "|tbody .main-cell a"
# Who looks (a demo account, or `owner` for that of the language), the address, and links to go on by.
TOUR: dict[str, tuple[str, str]] = {
    "home": ("", "/"),
    "blog": ("", "/blog/"),
    "article": ("", "/blog/|main a[href^='/blog/']:not([href*='?']):not([href*='feed'])"),
    "login": ("", "/accounts/login/"),
    "signup": ("", "/accounts/signup/"),
    "reset": ("", "/accounts/password/reset/"),
    "not-found": ("", "/no-such-page/"),
    "start": ("owner", "/start/"),
    "mailings": ("owner", "/mailings/"),
    "mailing": ("owner", "/mailings/?state=running" + MAIN),
    "mailing-new": ("owner", "/mailings/new/"),
    "mailing-delete": ("owner", "/mailings/" + MAIN + "|.page-actions a[href$='/delete/']"),
    "clients": ("owner", "/clients/"),
    "client": ("owner", "/clients/" + MAIN),
    "client-new": ("owner", "/clients/new/"),
    "clients-none": ("owner", "/clients/?q=nobody-has-this-name"),
    "attributes": ("owner", "/clients/attributes/"),
    "import": ("owner", "/clients/import/"),
    "stop-list": ("owner", "/clients/stop-list/"),
    "columns": ("owner", "/clients/columns/"),
    "groups": ("owner", "/groups/"),
    "group": ("owner", "/groups/" + MAIN),
    "messages": ("owner", "/messages/"),
    "message": ("owner", "/messages/" + MAIN),
    "message-new": ("owner", "/messages/new/"),
    "pictures": ("owner", "/messages/pictures/"),
    "reports": ("owner", "/reports/"),
    "charts": ("owner", "/reports/figures/"),
    "report": ("owner", "/reports/?state=partly" + MAIN),
    "receipt": ("owner", "/reports/?state=partly" + MAIN + "|tbody td a[href*='/mails/']"),
    "notifications": ("owner", "/notifications/"),
    "profile": ("owner", "/accounts/profile/"),
    "account-email": ("owner", "/accounts/email/"),
    "two-factor": ("owner", "/accounts/two-factor/"),
    "sessions": ("owner", "/accounts/sessions/"),
    "delete-account": ("owner", "/accounts/delete/"),
    "outbox": ("owner", "/outbox/"),
    "all-mailings": ("manager@example.com", "/mailings/"),
    "a-mailing-of-another": ("manager@example.com", "/mailings/" + MAIN),
    "users": ("manager@example.com", "/users/"),
    "service": ("manager@example.com", "/service/"),
    "audit": ("manager@example.com", "/audit/"),
    "forbidden": ("manager@example.com", "/clients/new/"),
    "administration": ("editor@example.com", "/admin/content/article/"),
}
OWNERS = {"en": "olga@example.com", "ru": "demo@example.com"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How somebody looks at the site: language, width of the window, bright or dark."""

    language: str = "en"
    phone: bool = False
    dark: bool = False

    def __str__(self) -> str:
        return "-".join(("phone" if self.phone else "wide", "dark" if self.dark else "light", self.language))

    def context(self, browser: Browser, url: str) -> BrowserContext:
        return browser.new_context(
            base_url=url,
            locale=self.language,
            viewport={"width": 390, "height": 844} if self.phone else {"width": 1280, "height": 800},
            color_scheme="dark" if self.dark else "light",
        )


def visit(browser: Browser, url: str, look: Look, names: list[str]) -> Iterator[tuple[str, Page]]:
    """Each of these pages, opened by who looks at it."""
    for who, group in groupby(sorted(names, key=lambda name: TOUR[name][0]), key=lambda name: TOUR[name][0]):
        context = look.context(browser, url)
        page = context.new_page()
        if who:
            _log_in(page, OWNERS[look.language] if who == "owner" else who)
        for name in group:
            address, *clicks = TOUR[name][1].split("|")
            page.goto(address)
            for selector in clicks:
                page.goto(page.locator(selector).first.get_attribute("href") or "")
            yield name, page
        context.close()


def _log_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main .btn-primary[type=submit]").click()
    page.wait_for_url(lambda url: "/login/" not in url)
