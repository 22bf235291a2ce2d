"""A newsletter from an empty message to the mailbox: by mouse, by keyboard, and without JavaScript."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from e2e.conftest import NARROW

ZONE = ZoneInfo("Europe/Moscow")  # of the demo user
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


def make_a_group(page, name):
    """A group of one client, on the pages that need no script."""
    page.goto("/groups/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/groups/")
    page.goto("/clients/new/")
    page.get_by_label("Email", exact=True).fill(f"reader@{name}.example.org")
    page.get_by_label("Full name").fill("Rita Reader")
    page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/clients/")


def choose_message(page, subject):
    """From the list to what can be done with it."""
    page.goto("/messages/")
    page.get_by_role("link", name=subject, exact=True).first.click()
    return page.locator("a[href^='/mailings/new/?message=']")


def arrived(page, subject):
    """The mail of the one recipient, and the same in a browser."""
    expect(page.get_by_role("cell", name="250 OK")).to_be_visible()
    page.goto("/outbox/")
    page.get_by_role("link", name=subject, exact=True).first.click()
    expect(mail(page).get_by_text("The hills wake up")).to_be_visible()
    with page.context.expect_page() as opened:
        mail(page).get_by_role("link", name="View in your browser").click()
    own = opened.value
    expect(own).to_have_title(subject)
    expect(own.get_by_text("The hills wake up")).to_be_visible()
    return own


def with_picture_and_condition(page, own):
    """The recipient's mail has her branch of the condition, and the picture."""
    expect(own.get_by_text("Dear Rita, read on.")).to_be_visible()
    assert own.locator("html").get_attribute("lang") == "en"  # no script runs there, so axe cannot look
    source = mail(page).locator("img").get_attribute("src")
    assert re.search(r"/pictures/[0-9a-f]{32}\.jpg$", source)
    assert page.request.get(source).headers["content-type"] == "image/jpeg"
    expect(mail(page).get_by_text("Dear Rita, read on.")).to_be_visible()
    expect(mail(page).get_by_text("Hello,")).to_have_count(0)


def write_by_mouse(page, check):
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
    return heading


def plan_by_mouse(page):
    choose_message(page, "By mouse").click()
    page.wait_for_url("**/mailings/new/?message=*")
    page.get_by_label("Search: Groups").press_sequentially("mouse")
    row = page.locator("#groups-list .form-check")
    expect(row).to_have_count(1)
    row.get_by_role("checkbox").check()
    expect(page.locator("#audience")).to_contain_text("It reaches 1 address")
    page.get_by_role("button", name="Start now").click()
    page.get_by_role("button", name="Send now to 1 person").click()
    expect(page.get_by_role("heading", name="Check before sending")).to_be_visible()
    page.get_by_role("button", name="Send now to 1 person").click()


def test_by_mouse(page, check):
    make_a_group(page, "mouse")
    begin(page)
    heading = write_by_mouse(page, check)
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
    plan_by_mouse(page)
    with_picture_and_condition(page, arrived(page, "By mouse"))


def test_by_dragging(page):
    page.goto("/messages/new/")
    page.locator("button[value=letter]").click()
    page.locator("#b3 .block-grip").drag_to(page.locator("#b1 summary"))
    expect(page.locator("#blocks > .block").first).to_have_id("b3")
    page.locator("#undo").click()
    expect(page.locator("#blocks > .block").first).to_have_id("b1")


def press(button, key="Enter"):
    button.focus()
    button.page.keyboard.press(key)


def write_by_keyboard(page):
    page.get_by_label("Subject").focus()
    page.keyboard.type("By keys")
    press(page.locator("#add-text"))
    expect(page.locator("#b1 .ProseMirror")).to_be_focused()
    page.keyboard.type(CONDITION + " First words, ")
    page.keyboard.press("Control+b")
    page.keyboard.type("bold ones")
    press(page.locator("#add-heading"))
    expect(page.locator("#id_b2-text")).to_be_focused()
    page.keyboard.type("The hills wake up")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#blocks > .block").first).to_have_id("b2")
    expect(page.locator("#b2-up")).to_be_focused()
    press(page.locator("#add-picture"))
    with page.expect_file_chooser() as chooser:
        press(page.locator("#id_b3-upload"))
    chooser.value.set_files(PICTURE)
    press(page.locator("#b3").get_by_role("button", name="Upload"))
    expect(page.locator("#id_b3-picture")).not_to_have_value("")
    page.locator("#id_b3-alt").focus()
    page.keyboard.type("Hills")
    page.keyboard.press("Control+s")
    expect(page.locator("#draft-state")).to_contain_text(re.compile(r"^\s*Saved"))


def plan_by_keyboard(page):
    press(choose_message(page, "By keys"))
    page.wait_for_url("**/mailings/new/?message=*")
    page.get_by_label("Search: Groups").focus()
    page.keyboard.type("keys")
    box = page.locator("#groups-list .form-check").get_by_role("checkbox")
    expect(box).to_have_count(1)
    press(box, "Space")
    expect(page.locator("#audience")).to_contain_text("It reaches 1 address")
    press(page.get_by_role("button", name="Start now"))
    press(page.get_by_role("button", name="Send now to 1 person"))
    expect(page.get_by_role("heading", name="Check before sending")).to_be_visible()
    expect(page.locator("dl.facts")).to_be_focused()  # a second Enter must not send what nobody has read
    press(page.get_by_role("button", name="Send now to 1 person"))


def test_by_keyboard(page):
    make_a_group(page, "keys")
    begin(page)
    write_by_keyboard(page)
    expect(mail(page).locator("strong")).to_have_text("bold ones")
    expect(mail(page).get_by_text("Dear Anna, read on.")).to_be_visible()
    press(page.get_by_role("button", name="Save and test"))
    send_a_test(page, "By keys")
    plan_by_keyboard(page)
    own = arrived(page, "By keys")
    expect(own.get_by_text("bold ones")).to_be_visible()
    with_picture_and_condition(page, own)


def test_without_javascript(context_of):
    page = context_of(java_script_enabled=False).new_page()
    make_a_group(page, "plain")
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
    page.goto("/groups/")
    page.get_by_role("link", name="plain", exact=True).click()
    page.locator("a[href^='/mailings/new/?group=']").click()
    page.get_by_label("Message").select_option(label="Without scripts")
    page.get_by_label("Start", exact=False).first.fill(f"{datetime.now(ZONE):%Y-%m-%dT%H:%M}")
    page.locator("#save-mailing").click()
    expect(page.get_by_role("heading", name="Check before sending")).to_be_visible()
    page.get_by_role("button", name="Send now to 1 person").click()
    page.wait_for_url(re.compile(r"/mailings/\d+/$"))
    page.wait_for_timeout(3_000)
    page.reload()
    with_picture_and_condition(page, arrived(page, "Without scripts"))


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


def test_the_articles_editor_speaks_its_authors_language(context_of):
    page = context_of("editor@example.com", locale="ru").new_page()
    page.goto("/admin/content/article/add/")
    menu = page.locator(".prose-menubar")
    bold, table = menu.get_by_title("Жирный", exact=True), menu.get_by_title("Вставить таблицу")
    expect(bold).to_be_visible()
    table.click()
    expect(page.locator("dialog[open]")).to_contain_text("Новая таблица")
    expect(page.locator("dialog[open]")).to_contain_text("Строки")
    page.keyboard.press("Escape")
    names = menu.locator("button").evaluate_all("found => found.map(one => one.title)")
    assert [name for name in names if re.search("[a-z]", name.replace("HTML", ""))] == []


def test_a_file_is_in_the_draft_once_it_is_chosen(page):
    begin(page, "Plain text")
    page.get_by_label("Subject").fill("With a file")
    page.locator("#attachments summary").click()
    page.get_by_label("A file for every recipient").set_input_files(PICTURE)
    expect(page.locator("#attachments").get_by_role("link", name="news.jpg")).to_be_visible()
    expect(page.locator("#draft-state")).to_contain_text("Draft saved")
    page.reload()  # nothing asks: all is kept
    expect(page.locator("#attachments").get_by_role("link", name="news.jpg")).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("With a file")
