"""What one feels: something to see at once, questions in the page, and nothing typed that is lost."""

import re

from playwright.sync_api import expect

from e2e.conftest import PASSWORD

LOGGED_OUT = "You are logged out. Nothing you typed is lost"
AWAY = "The service cannot be reached. Nothing you typed is lost"


def test_a_pause_is_undone_from_its_toast(page, check):
    page.goto("/mailings/?state=running")
    pauses = page.locator("tbody tr", has=page.get_by_role("button", name=re.compile("^Pause")))
    row = page.locator(f"#{pauses.first.get_attribute('id')}")
    row.get_by_role("button", name=re.compile("^Pause")).click()
    expect(row).to_contain_text("paused")
    check(page, "undo")
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()


def holding():
    """The requests that are held back, and what holds them."""
    held = []

    def hold(route):
        held.append(route)

    return held, hold


def test_a_slow_dialog_shows_its_outline_at_once(page):
    page.goto("/groups/")
    held, hold = holding()
    page.route("**/groups/new/", hold)
    page.get_by_role("link", name="New group", exact=True).first.click()
    expect(page.locator("dialog[open] .outline")).to_be_visible(timeout=1_000)
    assert page.evaluate("document.documentElement.dataset.waiting") == "yes"
    held[0].continue_()
    expect(page.locator("dialog[open]").get_by_label("Name", exact=True)).to_be_focused()
    assert page.evaluate("document.documentElement.dataset.waiting") == ""


def test_who_is_logged_out_meanwhile_loses_nothing_in_a_dialog(page):
    page.goto("/groups/")
    page.get_by_role("link", name="New group", exact=True).first.click()
    form = page.locator("dialog[open]")
    form.get_by_label("Name", exact=True).fill("Late sleepers")
    page.context.clear_cookies(name="sessionid")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text(LOGGED_OUT)).to_be_visible()
    log_in_beside(page, "demo@example.com")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Late sleepers"))).to_be_visible()


def test_who_is_logged_out_meanwhile_loses_nothing_on_a_page(context_of):
    # Hers, for the profile that is saved has a language, which the others' tests choose by the browser.
    page = context_of("olga@example.com").new_page()
    page.goto("/accounts/profile/")
    page.get_by_label("Company").fill("Kept & Sons")
    page.context.clear_cookies(name="sessionid")
    save = page.locator("main").get_by_role("button", name="Save")
    save.click()
    expect(page.get_by_text(LOGGED_OUT)).to_be_visible()
    log_in_beside(page, "olga@example.com")
    page.context.set_offline(True)
    save.click()
    expect(page.get_by_text(AWAY).first).to_be_visible()
    page.context.set_offline(False)
    save.click()
    expect(page.get_by_text("Your profile was saved.")).to_be_visible()
    expect(page.get_by_label("Company")).to_have_value("Kept & Sons")


def log_in_beside(page, email):
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Log in in a new tab").click()
    other = opened.value
    other.locator("#id_login").fill(email)
    other.locator("#id_password").fill(PASSWORD)
    other.locator("main .btn-primary[type=submit]").click()
    other.wait_for_url("**/start/")
    other.close()


def test_a_tick_made_while_a_search_is_under_way_stays(page):
    page.goto("/mailings/")
    page.get_by_role("link", name="New mailing").first.click()
    form = page.locator("dialog[open]")
    held, hold = holding()
    page.route("**/mailings/recipients/", hold)
    form.get_by_label("Search: Single clients").fill("alice.dubois@")
    box = form.locator("#clients-list").get_by_role("checkbox").nth(2)
    name = box.get_attribute("id")
    expect(page.locator("html")).to_have_attribute("data-waiting", "yes")
    box.check()
    page.route("**/mailings/recipients/", lambda route: route.continue_())
    for route in held:
        route.continue_()
    expect(form.locator("#clients-list .form-check")).to_have_count(2)
    expect(form.locator(f"#{name}")).to_be_checked()
    expect(form.locator("#audience")).to_contain_text("It reaches 1 address")


def test_what_is_typed_into_a_dialog_is_not_lost_without_a_question(page, check):
    page.goto("/groups/")
    page.get_by_role("link", name="New group", exact=True).first.click()
    form = page.locator("#dialog")
    form.get_by_label("Name", exact=True).fill("Half a name")
    question = page.locator("#question")
    for close in (lambda: page.keyboard.press("Escape"), form.get_by_role("link", name="Cancel").click):
        close()
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        check(page, "question")
        page.keyboard.press("Enter")
        expect(question).not_to_be_visible()
        expect(form.get_by_label("Name", exact=True)).to_have_value("Half a name")
    form.get_by_role("link", name="Cancel").click()
    question.get_by_role("button", name="Close without saving").click()
    expect(form).not_to_be_visible()


def test_an_answer_that_comes_after_its_dialog_was_closed_changes_nothing(page):
    """Its console would complain of places that are not there; the fixture looks."""
    page.goto("/mailings/")
    page.get_by_role("link", name="New mailing").first.click()
    form = page.locator("#dialog")
    held, hold = holding()
    page.route("**/mailings/recipients/", hold)
    form.get_by_label("Search: Single clients").fill("al")
    expect(page.locator("html")).to_have_attribute("data-waiting", "yes")
    form.get_by_role("link", name="Cancel").click()
    expect(form).not_to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-waiting", "")
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")


def test_saving_the_moment_a_dialog_opens_stays_on_the_page(page):
    page.goto("/groups/")
    page.evaluate("""document.addEventListener("htmx:afterSwap", () => queueMicrotask(() => {
        const key = {key: "s", code: "KeyS", ctrlKey: true, bubbles: true};
        document.dispatchEvent(new KeyboardEvent("keydown", key));
    }))""")
    page.keyboard.press("n")
    expect(page.locator("#dialog").get_by_text("This field is required.")).to_be_visible()
    assert page.url.endswith("/groups/")


def test_the_palette_finds_by_name(page, check):
    page.goto("/start/")
    page.keyboard.press("Control+k")
    page.keyboard.type("дегустационн")
    found = page.locator("#dialog").get_by_role("link")
    expect(found.filter(has_text="Message")).to_have_count(1)
    expect(found.filter(has_text="Group")).to_have_count(1)
    check(page, "palette-found")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mailings/*/", wait_until="networkidle")


def test_how_long_until_the_next_run_counts_down(page):
    page.goto("/mailings/?q=северный+вокзал")  # which the demo data start in some days
    page.locator("tbody .main-cell a").first.click()
    left = page.locator("#mailing-facts [data-countdown]")
    expect(left).to_have_text(re.compile(r"^in \d+ days? \d+ hr$"))


def test_the_keyboard_leads_everywhere_and_leaves_who_types_alone(page, check):
    page.goto("/start/")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/mailings/", wait_until="networkidle")
    page.keyboard.press("/")
    page.keyboard.type("n?")
    expect(page.get_by_label("Name or subject")).to_have_value("n?")
    assert page.locator("dialog[open]").count() == 0
    page.goto("/groups/")
    page.keyboard.press("n")
    expect(page.locator("dialog[open]").get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Control+s")
    expect(page.locator("dialog[open]").get_by_text("This field is required.")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    check(page, "keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("rep")
    check(page, "palette")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/", wait_until="networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type("alice.dubois@")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Алис Дюбуа")).to_be_visible()
