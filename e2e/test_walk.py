"""The main job in a browser, from a new group to mail in a mailbox and the way out of it."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from e2e.conftest import WIDE, log_in

ZONE = ZoneInfo("Europe/Moscow")  # of the demo user


def dialog(page: Page):
    return page.locator("dialog[open]")


def toast(page: Page, text: str) -> None:
    expect(page.locator(".toast-note", has_text=text).last).to_be_visible()


def choose(row, action: str) -> None:
    """Open a row's menu and choose an action; a list that reloads meanwhile closes the menu."""
    link = row.get_by_role("link", name=re.compile(f"^{action}"))
    for _ in range(6):
        if not link.is_visible():
            row.get_by_role("button", name=re.compile("^More actions")).click()
        try:
            link.click(timeout=3_000)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"{action} cannot be reached")


def fill_mailing(page: Page, *, message: str, group: str, start: datetime | None = None) -> None:
    form = dialog(page)
    form.get_by_label("Message").select_option(label=message)
    form.get_by_label("Search: Groups").press_sequentially(group)
    row = form.locator("#groups-list .form-check")
    expect(row).to_have_count(1)
    row.get_by_role("checkbox").check()
    expect(form.locator("#audience")).to_contain_text("It reaches 1 address")
    if start:
        form.get_by_label("Start", exact=False).fill(f"{start:%Y-%m-%dT%H:%M}")
    else:
        form.get_by_role("button", name="Start now").click()


@pytest.fixture(scope="module", autouse=True)
def planned(chromium, stack):
    """A mailing planned for a minute that comes while the other walks go on; the last test waits for it."""
    context = chromium.new_context(base_url=stack.url, locale="en-GB", viewport=WIDE)
    page = context.new_page()
    log_in(page, "demo@example.com")
    page.goto("/clients/new/")
    page.get_by_label("Email", exact=True).fill("minute@example.org")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/clients/")
    yield plan(page)
    context.close()


def plan(page) -> tuple[str, datetime]:
    page.goto("/mailings/")
    page.get_by_role("link", name="New mailing").click()
    form = dialog(page)
    form.get_by_label("Message").select_option(index=1)
    form.get_by_label("Name").fill("At its minute")
    form.get_by_label("Search: Single clients").fill("minute@")
    row = form.locator("#clients-list .form-check")
    expect(row).to_have_count(1)  # the search has answered: it would draw the list anew over a tick
    row.get_by_role("checkbox").check()
    now = datetime.now(ZONE)
    due = now.replace(second=0, microsecond=0) + timedelta(minutes=2 if now.second > 50 else 1)
    form.get_by_label("Start", exact=False).fill(f"{due:%Y-%m-%dT%H:%M}")
    form.get_by_role("button", name="Schedule for").click()
    toast(page, "The mailing was saved.")
    row = page.locator("tbody tr", has_text="At its minute")
    return str(row.get_attribute("id")), due


def test_from_a_new_group_to_mail_and_the_way_out(page, check, stack):
    make_a_group(page, check)
    make_and_edit_a_client(page, check)
    write_a_message(page, check)
    mail_it_now(page, check)
    leave(page, check, stack)


def make_a_group(page, check):
    page.goto("/groups/")
    page.get_by_role("link", name="New group", exact=True).click()
    check(page, "group-dialog")
    dialog(page).get_by_label("Name", exact=True).fill("Walkers")
    dialog(page).get_by_role("button", name="Save").click()
    toast(page, "The group was added.")
    expect(page.get_by_role("row", name=re.compile("Walkers"))).to_be_visible()


def make_and_edit_a_client(page, check):
    page.goto("/clients/")
    page.get_by_role("link", name="New client").click()
    form = dialog(page)
    form.get_by_label("Email").fill("not an address")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("Enter a valid email address.")).to_be_visible()
    check(page, "client-dialog-with-an-error")
    form.get_by_label("Email").fill("walker@example.org")
    form.get_by_label("Full name").fill("Wanda Walker")
    form.get_by_label("Walkers").check()
    form.get_by_role("button", name="Save").click()
    toast(page, "The client was added.")
    page.get_by_label("Email or name").press_sequentially("wanda")
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("walker@example.org")
    row.get_by_role("link", name="Edit").click()
    dialog(page).get_by_label("Full name").fill("Wanda W. Walker")
    dialog(page).get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Wanda W. Walker")
    assert "q=wanda" in page.url


def write_a_message(page, check):
    page.goto("/messages/")
    page.get_by_role("link", name="New message").click()
    page.get_by_role("button", name="HTML source").click()
    page.get_by_label("Subject").fill("A walk, {{ first_name }}")
    page.get_by_label("Body").fill("<p>Dear {{ full_nam }}</p>")
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("There is no merge field “full_nam”", exact=False)).to_be_visible()
    check(page, "message-with-an-error")
    page.get_by_label("Body").fill(
        "<style>p { color: #123456 }</style><p>Dear {{ full_name }}, come along.</p>"
    )
    page.get_by_role("button", name="Save and test").click()
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("Dear Anna Petrova, come along.")).to_be_visible()
    check(page, "message-preview")
    to = page.get_by_label("Send a test to").input_value()
    page.get_by_role("button", name="Send", exact=True).click()
    toast(page, f"Sent to {to}. The server answered: 250")


def mail_it_now(page, check):
    page.goto("/mailings/")
    page.get_by_role("link", name="New mailing").click()
    dialog(page).locator("#save-mailing").click()
    expect(dialog(page).get_by_text("Choose at least one group or client.")).to_be_visible()
    check(page, "mailing-dialog-with-errors")
    fill_mailing(page, message="A walk, {{ first_name }}", group="walk")
    check(page, "mailing-dialog")
    dialog(page).get_by_role("button", name="Send now to 1 person").click()
    expect(dialog(page).get_by_role("heading", name="Check before sending")).to_be_visible()
    check(page, "mailing-review")
    dialog(page).get_by_role("button", name="Send now to 1 person").click()
    toast(page, "The mailing was saved.")
    mailing = page.locator("tbody tr", has_text="A walk")
    expect(mailing).to_contain_text("1 of 1 sent")
    mailing.get_by_role("link", name=re.compile("^A walk")).click()
    expect(page.locator("tbody tr")).to_contain_text("250 OK")
    check(page, "mailing")
    page.locator("tbody tr a").click()
    expect(page.locator("tbody tr")).to_contain_text("walker@example.org")
    check(page, "report")


def leave(page, check, stack):
    page.goto("/outbox/")
    page.get_by_role("link", name="A walk, Wanda").click()
    body = page.frame_locator("iframe.mail-frame")
    expect(body.get_by_text("Dear Wanda W. Walker, come along.")).to_be_visible()
    assert "rgb(18, 52, 86)" in body.get_by_text("come along").evaluate("e => getComputedStyle(e).color")
    expect(page.get_by_text("List-Unsubscribe=One-Click")).to_be_visible()
    check(page, "outbox-mail")
    with page.context.expect_page() as opened:  # the frame may not show this site: it opens beside it
        body.get_by_role("link", name="Unsubscribe").click()
    page = opened.value
    expect(page).to_have_url(re.compile(re.escape(f"{stack.url}/u/")))
    check(page, "unsubscribe")
    page.get_by_role("button", name="Yes, unsubscribe me").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    check(page, "unsubscribed")
    page.goto("/clients/?q=wanda")
    expect(page.locator("tbody tr")).to_contain_text("unsubscribed")


def test_pause_resume_run_now_copy_and_delete_in_place(page, check):
    page.goto("/mailings/?state=running")
    expect(page.locator("tbody tr").first).to_be_visible()
    row_id = page.locator(
        "tbody tr", has=page.get_by_role("button", name=re.compile("^Pause"))
    ).first.get_attribute("id")
    row = page.locator(f"#{row_id}")
    row.get_by_role("button", name=re.compile("^Pause")).click()
    expect(row).to_contain_text("paused")
    check(page, "mailings-one-paused")
    row.get_by_role("button", name=re.compile("^Resume")).click()
    expect(row.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    expect(row).to_contain_text(re.compile("on schedule|sending now"))
    choose(row, "Run now")
    check(page, "run-dialog")
    dialog(page).get_by_role("button", name="Send now").click()
    toast(page, "The mailing is on its way.")
    choose(row, "Copy")
    expect(dialog(page).get_by_role("heading", name="Copy of a mailing")).to_be_visible()
    dialog(page).get_by_label("Name").fill("A copy to delete")
    dialog(page).locator("#save-mailing").click()
    toast(page, "The mailing was saved.")
    page.goto("/mailings/?q=a+copy+to+delete")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    choose(rows, "Delete")
    check(page, "delete-dialog")
    dialog(page).get_by_role("button", name="Delete").click()
    toast(page, "The mailing was deleted.")
    expect(page.get_by_text("No mailings found.", exact=False)).to_be_visible()


def test_the_same_without_javascript(context_of):
    page = context_of(java_script_enabled=False).new_page()
    page.goto("/clients/")
    page.get_by_role("link", name="New client").click()
    page.get_by_label("Email").fill("plain@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The client was added.")).to_be_visible()
    page.goto("/mailings/")
    page.get_by_role("link", name="New mailing").click()
    page.get_by_label("Message").select_option(index=1)
    page.get_by_label("Search: Single clients").fill("plain@")
    page.get_by_role("button", name="Search").nth(1).click()
    page.get_by_label("plain@example.org").check()
    page.locator("#save-mailing").click()
    expect(page.get_by_text("The mailing was saved.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Pause")).click()
    expect(page.get_by_text("nothing is sent until you resume it", exact=False)).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Repeat").select_option("weekly")
    page.locator("#save-mailing").click()
    expect(page.get_by_text("every week", exact=False)).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The mailing was deleted.")).to_be_visible()


def test_a_mailing_goes_out_by_itself_at_its_minute(planned, page, stack):
    row_id, due = planned
    page.goto("/mailings/?q=at+its+minute")
    expect(page.locator(f"#{row_id}")).to_contain_text("1 of 1 sent", timeout=130_000)
    caught = [
        path
        for path in (stack.folder / "mail" / "new").glob("*")
        if b"minute@example.org" in path.read_bytes()
    ]
    assert len(caught) == 1
    lag = caught[0].stat().st_mtime - due.timestamp()
    # On a machine with nothing else to do it is well under one second; the sweep would take up to sixty.
    assert 0 <= lag < 5, f"it came {lag:.3f} s after its time"
