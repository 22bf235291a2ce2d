"""Coming in, and being blocked again: two browsers and a mailbox."""

import re

import pytest
from playwright.sync_api import expect

from e2e.conftest import NARROW, WIDE
from e2e.conftest import PASSWORD as DEMO_PASSWORD

PASSWORD = "correct-horse-7"
LOOKS = [
    {"viewport": WIDE, "color_scheme": "light", "locale": "en"},
    {"viewport": NARROW, "color_scheme": "dark", "locale": "ru"},
]
FOR_ALL = {
    "signup": "/accounts/signup/",
    "login": "/accounts/login/",
    "sent": "/accounts/confirm-email/",
    "bad-link": "/accounts/confirm-email/made-up/",
    "reset": "/accounts/password/reset/",
    "reset-done": "/accounts/password/reset/done/",
    "reset-bad-link": "/accounts/password/reset/key/1-x/",
    "blocked": "/accounts/inactive/",
}
FOR_USERS = {
    "profile": "/accounts/profile/",
    "email": "/accounts/email/",
    "password": "/accounts/password/change/",
    "two-factor": "/accounts/two-factor/",
    "two-factor-on": "/accounts/two-factor/totp/activate/",
    "sessions": "/accounts/sessions/",
    "delete-account": "/accounts/delete/",
    "logout": "/accounts/logout/",
}
FOR_MANAGERS = {
    "users": "/users/",
    "audit": "/audit/",
    "mailings-of-all": "/mailings/",
    "mailing-of-another": "/mailings/1/",
    "reports-of-all": "/reports/",
    "report-of-another": "/reports/1/",
}
FOR_SUPERUSERS = {"users-by-superuser": "/users/", "user-new": "/users/new/", "user-edit": "/users/1/edit/"}


@pytest.mark.parametrize("look", LOOKS, ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize(
    ("email", "pages"),
    [
        ("demo@example.com", FOR_USERS),
        ("manager@example.com", FOR_MANAGERS),
        ("admin@example.com", FOR_SUPERUSERS),
    ],
)
def test_every_page_of_people(look, email, pages, context_of, check):
    page = context_of(email, **look).new_page()
    page.goto("/accounts/reauthenticate/")
    check(page, f"reauthenticate-{look['viewport']['width']}")
    page.locator("[name=password]").fill(DEMO_PASSWORD)
    page.locator("main .btn-primary[type=submit]").click()
    page.wait_for_url("**/start/")
    for name, address in pages.items():
        page.goto(address)
        check(page, f"{name}-{look['viewport']['width']}")


@pytest.mark.parametrize("look", LOOKS, ids=["wide-light", "narrow-dark"])
def test_every_page_without_logging_in(look, chromium, stack, check):
    page = chromium.new_context(base_url=stack.url, **look).new_page()
    for name, address in FOR_ALL.items():
        page.goto(address)
        check(page, f"{name}-{look['viewport']['width']}")
    page.context.close()


def test_from_registering_to_being_blocked(chromium, stack, context_of, check):
    visitor = chromium.new_context(base_url=stack.url, timezone_id="Asia/Tokyo", locale="en-GB").new_page()
    register(visitor)
    confirm(visitor, check)
    make_a_group(visitor)
    manager = context_of("manager@example.com").new_page()
    block(manager, check)
    meet_the_block(visitor, check)
    unblock(manager)
    visitor.reload()
    log_in(visitor)
    expect(visitor).to_have_url(re.compile("/groups/"))
    visitor.context.close()


def register(page):
    page.goto("/accounts/signup/")
    page.get_by_label("Your name").fill("Nina New")
    page.get_by_label("Email").fill("Nina@Example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, again").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()


def confirm(page, check):
    email = page.get_by_role("link", name="Confirm your email address")
    page.get_by_role("link", name="Open the outbox").click()
    for _ in range(200):
        if email.count():
            break
        page.wait_for_timeout(100)
        page.reload()
    email.first.click()
    link = re.search(r"http://\S+/accounts/confirm-email/[-:\w]+/", page.locator("pre").inner_text())
    assert link
    page.goto(link[0])
    check(page, "confirm")
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page).to_have_url(re.compile("/start/"))
    page.goto("/accounts/profile/")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")


def make_a_group(page):
    page.goto("/groups/")
    page.locator(".page-actions").get_by_role("link", name="New group", exact=True).click()
    page.locator("dialog[open]").get_by_label("Name", exact=True).fill("Mine")
    page.locator("dialog[open]").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Mine"))).to_be_visible()


def block(page, check):
    page.goto("/users/?q=nina")
    row = page.locator("tbody tr")
    row.get_by_role("link", name="Block").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    check(page, "block-dialog")
    dialog.get_by_label("Reason").fill("Bought addresses")
    dialog.get_by_role("button", name="Block").click()
    expect(row).to_contain_text("blocked")
    expect(row).to_contain_text("Bought addresses")
    assert page.url.endswith("/users/?q=nina")


def meet_the_block(page, check):
    page.goto("/groups/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page)
    expect(page.get_by_text("Bought addresses")).to_be_visible()
    check(page, "told-why")
    page.goto("/groups/")


def unblock(page):
    page.locator("tbody tr").get_by_role("button", name="Unblock").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Unblock").click()
    expect(page.locator("tbody tr")).to_contain_text("active")


def log_in(page):
    page.get_by_label("Email").fill("nina@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in", exact=True).click()


def test_a_manager_disables_a_mailing_in_its_row(context_of, check):
    page = context_of("manager@example.com").new_page()
    page.goto("/mailings/?state=created")
    row = page.locator("tbody tr").first
    name = row.locator(".main-cell a").inner_text()
    row.get_by_role("link", name="Disable").click()
    check(page, "disable-dialog")
    page.locator("dialog[open]").get_by_label("Reason").fill("Pills")
    page.locator("dialog[open]").get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    row.get_by_role("button", name="Enable").click()
    check(page, "enable-question")
    page.locator("dialog[open]").get_by_role("button", name="Enable").click()
    expect(row).to_contain_text("scheduled")
    expect(row).to_contain_text(name)
