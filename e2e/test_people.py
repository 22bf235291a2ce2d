"""Coming in, and being blocked again: two browsers and a mailbox."""

import re

from playwright.sync_api import expect

PASSWORD = "correct-horse-7"


def test_from_registering_to_being_blocked(chromium, stack, context_of, check):
    visitor = chromium.new_context(base_url=stack.url, timezone_id="Asia/Tokyo", locale="en-GB").new_page()
    register(visitor)
    confirm(visitor, check)
    take_the_first_steps(visitor, check)
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


def take_the_first_steps(page, check):
    """From people to a mail in their mailbox; each step is ticked off on the start page."""
    steps_done(page, 1)
    page.get_by_role("link", name="Add the people you write to").click()
    page.get_by_role("link", name="Import").first.click()
    page.get_by_label("Or paste lines").fill("Rita Reader <rita@example.org>")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#import-state")).to_contain_text("1 new clients")
    steps_done(page, 2)
    page.get_by_role("link", name="Write a message").click()
    page.get_by_role("button", name=re.compile("^Start from this")).first.click()
    page.get_by_label("Subject").fill("A first letter, {{ first_name }}")
    page.get_by_role("button", name="Save and test").click()
    page.wait_for_url("**/preview/")
    steps_done(page, 3)
    check(page, "first-steps")
    page.get_by_role("link", name="Schedule a mailing").click()
    page.get_by_label("Message").select_option(index=1)
    page.get_by_label("Rita Reader <rita@example.org>").check()
    page.get_by_role("button", name="Start now").click()
    page.get_by_role("button", name="Send now to 1 person").click()
    expect(page.get_by_role("heading", name="Check before sending")).to_be_visible()
    page.get_by_role("button", name="Send now to 1 person").click()
    expect(page.locator("tbody tr")).to_contain_text("250 OK")
    page.goto("/start/")
    expect(page.get_by_text("1 of 1 accepted")).to_be_visible()
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)


def steps_done(page, number):
    page.goto("/start/")
    expect(page.locator(".first-steps .is-done")).to_have_count(number)


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
