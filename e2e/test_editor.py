"""A newsletter from an empty message to the mailbox: by mouse, by keyboard, and without JavaScript."""

import re
from pathlib import Path

from playwright.sync_api import expect

from e2e.conftest import NARROW

PICTURE = Path(__file__).resolve().parent.parent / "static" / "img" / "messages" / "news.jpg"
CONDITION = "{% if first_name != '' %}Dear {{ first_name }},{% else %}Hello,{% endif %} read on."


def begin(page, start="Empty, in blocks"):
    page.goto("/messages/")
    page.get_by_role("link", name="New message").click()
    page.get_by_role("button", name=start).first.click()
    page.wait_for_url("**/edit/")


def kept(page):
    """What was typed is on the server: the state says so, and no request is on its way."""
    page.wait_for_timeout(900)  # the pause after which typing is kept
    expect(page.locator(".htmx-request")).to_have_count(0)


def add(page, kind):
    page.get_by_role("group", name="Add a block").get_by_role("button", name=kind, exact=True).click()
    block = page.locator("#blocks > .block", has=page.locator("summary strong", has_text=kind)).last
    expect(block.locator("details")).to_have_attribute("open", "")
    return block


def mail(page):
    return page.frame_locator("iframe.mail-frame")


def send_a_test(page, subject):
    """From the preview to the mailbox."""
    to = page.get_by_label("Send a test to").input_value()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text(f"Sent to {to}.", exact=False).first).to_be_visible()
    page.goto("/outbox/")
    page.get_by_role("link", name=subject).first.click()
    expect(mail(page).get_by_text("The hills wake up")).to_be_visible()


def test_by_mouse(page, check):
    begin(page)
    page.get_by_label("Subject").fill("By mouse")
    heading = add(page, "Heading")
    heading.get_by_label("Text", exact=True).fill("The hills <wake> up")
    text = add(page, "Text")
    text.locator(".ProseMirror").click()
    page.keyboard.insert_text(CONDITION)
    picture = add(page, "Picture")
    picture.get_by_label("A new picture").set_input_files(PICTURE)
    picture.get_by_role("button", name="Upload").click()
    expect(picture.get_by_label("Or one from the library")).not_to_have_value("")
    picture.get_by_label("What it shows").fill("Hills")
    button = add(page, "Button")
    button.get_by_label("Text", exact=True).fill("Read on")
    kept(page)
    expect(page.locator("#draft-state")).to_contain_text(re.compile(r"Draft saved \d\d:\d\d"))
    check(page, "editor")
    page.locator("#save").click()
    expect(page.locator("#draft-state")).to_contain_text("Not saved")
    check(page, "editor-with-an-error")
    button.get_by_label("It links to").fill("https://example.com/")
    expect(mail(page).get_by_text("Dear Anna, read on.")).to_be_visible()
    page.locator("#b3-up").click()
    expect(page.locator("#blocks > .block").nth(1)).to_contain_text("Picture")
    page.locator("#undo").click()
    expect(page.locator("#blocks > .block").nth(1)).to_contain_text("Text")
    heading.get_by_label("Text", exact=True).fill("The hills wake up")
    page.locator("#save").click()
    expect(page.locator("#draft-state")).to_contain_text(re.compile(r"^\s*Saved"))
    page.get_by_role("button", name="Save and test").click()
    send_a_test(page, "By mouse")
    source = mail(page).locator("img").get_attribute("src")
    assert re.search(r"/pictures/[0-9a-f]{32}\.jpg$", source)
    assert page.request.get(source).headers["content-type"] == "image/jpeg"
    expect(
        mail(page).get_by_text("Hello, read on.").or_(mail(page).get_by_text("Dear", exact=False))
    ).to_be_visible()


def test_by_dragging(page):
    page.goto("/messages/new/")
    page.locator("button[value=letter]").click()
    page.locator("#b3 .block-grip").drag_to(page.locator("#b1 summary"))
    expect(page.locator("#blocks > .block").first).to_have_id("b3")
    page.locator("#undo").click()
    expect(page.locator("#blocks > .block").first).to_have_id("b1")


def test_by_keyboard(page):
    begin(page)
    page.get_by_label("Subject").focus()
    page.keyboard.type("By keys")
    page.locator("#add-text").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#b1 .ProseMirror")).to_be_focused()
    page.keyboard.type("First words, ")
    page.keyboard.press("Control+b")
    page.keyboard.type("bold ones")
    page.locator("#add-heading").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#id_b2-text")).to_be_focused()
    page.keyboard.type("The hills wake up")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#blocks > .block").first).to_have_id("b2")
    expect(page.locator("#b2-up")).to_be_focused()
    page.keyboard.press("Control+s")
    expect(page.locator("#draft-state")).to_contain_text(re.compile(r"^\s*Saved"))
    expect(mail(page).locator("strong")).to_have_text("bold ones")
    page.get_by_role("button", name="Save and test").focus()
    page.keyboard.press("Enter")
    send_a_test(page, "By keys")


def test_without_javascript(context_of):
    page = context_of(java_script_enabled=False).new_page()
    begin(page)
    page.get_by_label("Subject").fill("Without scripts")
    page.locator("#add-heading").click()
    page.locator("#id_b1-text").fill("The hills wake up")
    page.locator("#add-text").click()
    page.locator("#id_b2-text").fill(CONDITION)
    page.locator("#add-picture").click()
    page.locator("#id_b3-upload").set_input_files(PICTURE)
    page.locator("#b3").get_by_role("button", name="Upload").click()
    page.locator("#b3 summary").click()
    page.locator("#id_b3-alt").fill("Hills")
    page.locator("#b3-up").click()
    assert [block.get_attribute("id") for block in page.locator("#blocks > .block").all()] == [
        "b1",
        "b3",
        "b2",
    ]
    page.locator("#undo").click()
    page.get_by_label("Screen").select_option("phone")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("iframe.is-phone")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(mail(page).get_by_text("Dear Anna, read on.")).to_be_visible()
    send_a_test(page, "Without scripts")


def test_a_ready_message_on_a_phone_by_night(context_of, check):
    page = context_of(viewport=NARROW, color_scheme="dark", locale="ru").new_page()
    page.goto("/messages/new/")
    check(page, "message-new-ready")
    page.locator("button[value=receipt]").click()
    page.wait_for_url("**/edit/")
    check(page, "editor-narrow-dark")


def test_two_windows_and_a_guard_on_leaving(context_of):
    context = context_of()
    one = context.new_page()
    begin(one, "Plain text")
    one.get_by_label("Subject").fill("Two windows")
    kept(one)
    two = context.new_page()
    two.goto(one.url)
    two.get_by_label("Body").fill("from the second")
    kept(two)
    one.get_by_label("Body").fill("from the first")
    expect(one.locator("#draft-state")).to_contain_text("Changed in another window")
    asked = []
    one.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    one.get_by_role("link", name="Clients").first.click()
    one.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    one.get_by_role("button", name="Keep mine").click()
    expect(one.locator("#draft-state")).to_contain_text("Draft saved")
    two.reload()
    expect(two.get_by_label("Body")).to_have_value("from the first")
