import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from e2e.stack import Stack, running

PATIENCE = 20_000  # ms; what is awaited is an event, so that a generous limit costs nothing
expect.set_options(timeout=PATIENCE)
SHOTS = Path(__file__).parent / "shots"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PASSWORD = "demo-mailings-2026"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# What the console may say: 422 (a form with errors), 404, being offline, a question given up for a newer one
# (htmx reports that by two events), and the frame of a mail that runs no script, not even the test's click.
EXPECTED = (
    "the server responded with a status of 4",
    "ERR_INTERNET_DISCONNECTED",
    "htmx:sendAbort",
    "htmx:afterRequest",
    "Blocked script execution in",
)
PARTS = ("stylesheet", "script", "image", "font")  # of a page, which are always there
GIVEN_UP = ("net::ERR_ABORTED", "net::ERR_INTERNET_DISCONNECTED")
# axe leaves empty style attributes behind, which htmx would copy and the policy would refuse.
FORGET_AXE = """document.querySelectorAll('[style=""]').forEach((e) => e.removeAttribute('style'))"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file stay together, but for long ones, which come first and name groups of their own."""
    items.sort(key=lambda item: not item.get_closest_marker("xdist_group"))
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


def note_complaints(context: BrowserContext, complaints: list[str]) -> None:
    """Errors in the console (the policy's reports among them) and in scripts, and requests that failed."""

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in EXPECTED):
            complaints.append(f"{message.location['url']}: {message.text}")

    def failed(request: Request) -> None:
        if request.failure not in GIVEN_UP:
            complaints.append(f"{request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type in PARTS:
            complaints.append(f"{response.url}: {response.status}")

    context.on("console", said)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("requestfailed", failed)
    context.on("response", answered)


def log_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main .btn-primary[type=submit]").click()
    page.wait_for_url(lambda url: "/login/" not in url)


@pytest.fixture
def context_of(chromium: Browser, stack: Stack) -> Iterator[Callable[..., BrowserContext]]:
    """A browser of its own, logged in or not; what it complains of fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def make(email: str | None = "demo@example.com", **options: object) -> BrowserContext:
        looks: dict[str, Any] = {"viewport": WIDE, "color_scheme": "light", "locale": "en-GB", **options}
        context = chromium.new_context(**{"base_url": stack.url, **looks})
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        note_complaints(context, complaints)
        if email is not None:
            page = context.new_page()
            log_in(page, email)
            page.close()
        return context

    yield make
    for context in opened:
        context.close()
    assert complaints == []


@pytest.fixture
def page(context_of: Callable[..., BrowserContext]) -> Page:
    return context_of().new_page()


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """No accessibility violation on the page, and nothing wider than it; a screenshot to look at."""
    axe = Axe()

    def look(page: Page, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        page.wait_for_timeout(50)  # fades are over: axe reads colours as they are drawn
        page.screenshot(path=SHOTS / f"{name}.png", full_page=not page.locator("dialog[open]").count())
        found = axe.run(page)
        page.evaluate(FORGET_AXE)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{name} is {overflow}px wider than the window"

    return look
