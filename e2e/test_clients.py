"""Clients by the hundred in a browser: in by a file, chosen, grouped by a rule, and out again."""

import csv
import io
import zipfile

from playwright.sync_api import expect

FILE = "contact;who;where\n" + "".join(
    f"rambler{n}@example.org;Rosa {n};{'Tver' if n % 2 else 'Omsk'}\n" for n in range(1, 11)
)


def test_in_chosen_grouped_and_out(page, check):
    take_in(page, check)
    put_on_the_stop_list(page, check)
    group_by_rule(page, check)
    export(page)
    take_everything(page, check)


def take_in(page, check):
    page.goto("/clients/import/")
    page.get_by_label("File").set_input_files(
        {"name": "ramblers.csv", "mimeType": "text/csv", "buffer": f"{FILE}nobody;Bad;Rome\n".encode()}
    )
    page.get_by_role("button", name="Next").click()
    page.get_by_label("who", exact=True).select_option(label="full name")
    page.wait_for_load_state("networkidle")
    page.get_by_label("where", exact=True).select_option(label="comment")
    expect(page.locator("#import-preview")).to_contain_text("Tver")
    page.wait_for_load_state("networkidle")
    page.get_by_label("Or into a new group").fill("Imported ramblers")
    check(page, "import-mapping")
    page.get_by_role("button", name="Import", exact=True).click()
    state = page.locator("#import-state")
    expect(state).to_contain_text("10 new clients")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download what was left out").click()
    assert "12,nobody,Enter a valid" in begun.value.path().read_text(encoding="utf-8-sig")
    check(page, "import-done")


def put_on_the_stop_list(page, check):
    page.goto("/clients/?q=rambler1")  # and rambler10
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("all 2 that match").check()
    page.get_by_role("button", name="Put on the stop-list…").click()
    question = page.locator("dialog[open]")
    expect(question).to_contain_text("2 clients are chosen.")
    check(page, "bulk-question")
    question.get_by_role("button", name="Put on the stop-list").click()
    expect(page.locator("tbody tr", has_text="added by hand")).to_have_count(2)


def group_by_rule(page, check):
    page.goto("/clients/?q=rambler&suppressed=no")
    expect(page.locator("tbody tr")).to_have_count(8)
    page.get_by_role("link", name="Save this filter as a group").click()
    page.wait_for_url("**/groups/rule/**")  # with its scripts
    rule = page.locator("#rule")
    expect(rule).to_contain_text("8 clients match right now:")
    page.get_by_label("Name", exact=True).fill("Ramblers who may be mailed")
    rule.get_by_label("What").last.select_option(label="Group")
    rule.get_by_label("With").last.select_option(label="Imported ramblers")
    expect(rule.get_by_label("What")).to_have_count(4)
    expect(rule).to_contain_text("8 clients match right now:")
    check(page, "group-by-rule")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ramblers who may be mailed")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(8)
    check(page, "group-by-rule-saved")


def export(page):
    with page.expect_download() as begun:
        page.get_by_role("link", name="Export as CSV").click()
    rows = list(csv.reader(begun.value.path().read_text().splitlines()))
    assert len(rows) == 9
    assert ["rambler2@example.org", "Rosa 2", "Omsk"] in [row[:3] for row in rows]


def take_everything(page, check):
    page.goto("/archive/")
    page.get_by_role("button", name="Make an archive").click()
    link = page.get_by_role("link", name="Download the archive")
    expect(link).to_be_visible()
    check(page, "archive")
    with page.expect_download() as begun:
        link.click()
    with zipfile.ZipFile(io.BytesIO(begun.value.path().read_bytes())) as archive:
        assert b"Ramblers who may be mailed,rambler2@example.org" in archive.read("groups.csv")


# As quick as anybody can be: what follows a swap directly, before the browser does anything else.
CHOOSE_AT_ONCE = """label => document.addEventListener("htmx:afterSwap", () => queueMicrotask(() => {
  const field = [...document.querySelectorAll("#rule [aria-label=With]")].at(-1);
  field.value = [...field.options].find((option) => option.label === label).value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}), { once: true })"""


def test_a_choice_is_taken_the_moment_it_can_be_made(page):
    page.goto("/groups/rule/")
    page.evaluate(CHOOSE_AT_ONCE, "Can be mailed")
    page.get_by_label("What").select_option(label="Stop-list")
    expect(page.locator("#rule")).to_contain_text("clients match right now:")


def test_whether_a_mailing_was_sent_is_asked_once_one_is_chosen(page):
    page.goto("/clients/")
    mailed = page.get_by_label("Sent to them?")
    expect(mailed).to_be_hidden()
    page.get_by_label("Mailing", exact=True).select_option(index=1)
    expect(mailed).to_be_visible()


def test_a_rule_without_scripts(context_of):
    page = context_of(java_script_enabled=False).new_page()
    page.goto("/groups/rule/")
    page.get_by_label("What").select_option(label="Stop-list")
    page.get_by_role("button", name="Show matches").click()
    page.get_by_label("With").first.select_option(label="Can be mailed")
    page.get_by_role("button", name="Show matches").click()
    expect(page.locator("#rule")).to_contain_text("clients match right now:")
    page.get_by_label("Name", exact=True).fill("All who may be mailed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="All who may be mailed")).to_be_visible()
