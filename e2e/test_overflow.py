"""Nothing is wider than its frame, and what can be done with a row is in sight, at every usual width."""

import pytest

from e2e.conftest import PASSWORD, SHOTS

WIDTHS = (390, 768, 1024, 1200, 1280, 1366, 1920)
DENSE = 14  # rows that a screen of 1280 × 800 shows
WIDER = """() => [document.documentElement, ...document.querySelectorAll(".table-panel")]
    .filter((frame) => frame.scrollWidth > frame.clientWidth)
    .map((frame) => `${frame.className || "page"} by ${frame.scrollWidth - frame.clientWidth}px`)"""
HIDDEN_BUTTONS = """() => [...document.querySelectorAll(".row-actions > .btn")].filter((button) => {
    const box = button.getBoundingClientRect();
    return box.left < 0 || box.right > document.documentElement.clientWidth;
}).length"""
HEADER = """() => document.querySelector(".site-header").getBoundingClientRect().height"""
ONE_ROW = 60  # pixels
CUT = """() => {
    const field = document.querySelector("#nav-find");
    if (!field || !field.offsetParent) return "";
    const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(field);
    pen.font = style.font;
    const room = field.clientWidth - 2 * parseFloat(style.paddingLeft) - 16;
    return pen.measureText(field.placeholder).width > room ? field.placeholder : "";
}"""  # 16 pixels for the button that empties the field
HEADER_PARTS = """() => {
    const parts = document.querySelectorAll(".site-nav a, .nav-find, .site-header .menu:last-child");
    const boxes = [...parts].map((part) => part.getBoundingClientRect());
    return boxes.slice(1).filter((box, place) => box.left < boxes[place].right).length;
}"""
TALL = """() => [...document.querySelectorAll("tbody tr")]
    .map((row) => row.getBoundingClientRect().height).filter((height) => height > 44).length"""
IN_SIGHT = """() => [...document.querySelectorAll("tbody tr")]
    .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"""


@pytest.mark.parametrize("locale", ["en", "ru"])
@pytest.mark.parametrize("email", ["demo@example.com", "manager@example.com"])
def test_the_header_is_one_row_and_nothing_in_it_is_cut(email, locale, context_of):
    page = context_of(email, locale=locale).new_page()
    page.goto("/mailings/")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(HEADER) <= ONE_ROW, width
        assert width < 1200 or page.evaluate(HEADER_PARTS) == 0, width
        assert page.evaluate(CUT) == "", width


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_the_header_of_visitors_is_one_row(locale, context_of):
    page = context_of(None, locale=locale).new_page()
    for width in (360, *WIDTHS):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/blog/")
        assert page.evaluate(HEADER) <= ONE_ROW
        assert page.evaluate(WIDER) == []


@pytest.fixture(scope="module")
def widest(stack):
    stack.inside(f"from e2e.tour_data import fill_columns; fill_columns('widest@example.com', '{PASSWORD}')")
    return "widest@example.com"


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_the_widest_rows_stay_in_their_frame(locale, widest, context_of):
    for email in (widest, "manager@example.com"):
        page = context_of(email, locale=locale).new_page()
        for path in ("/mailings/", "/reports/", "/start/"):
            page.goto(path)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                assert (page.evaluate(WIDER), page.evaluate(HIDDEN_BUTTONS)) == ([], 0), (path, width)
                assert width < 1024 or page.evaluate(TALL) == 0, (path, width)
        page.screenshot(path=SHOTS / f"widest-{email.partition('@')[0]}-{locale}.png")


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_a_row_is_one_line_and_fourteen_are_in_sight(locale, context_of):
    page = context_of("manager@example.com", locale=locale).new_page()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/mailings/")
    assert page.evaluate(TALL) == 0
    assert page.evaluate(IN_SIGHT) >= min(DENSE, page.locator("tbody tr").count())


def test_a_page_that_looks_again_keeps_what_one_reads(context_of):
    """The rows that did not change are the same elements after several looks; so is what is selected."""
    page = context_of().new_page()
    page.goto("/mailings/")
    page.evaluate("document.querySelectorAll('tbody tr').forEach((row) => (row.kept = true))")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody .main-cell'))")
    selected = page.evaluate("String(getSelection())")
    for _ in range(3):
        with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "table-poll"):
            page.evaluate("htmx.ajax('GET', location.href, {target: '#table-poll', source: '#table-poll'})")
    assert page.evaluate("[...document.querySelectorAll('tbody tr')].every((row) => row.kept)")
    assert page.evaluate("String(getSelection())") == selected != ""
