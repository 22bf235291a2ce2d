"""Every page of the site as whoever may see it does: bright and dark, wide and narrow, in both languages.

No violation of axe's rules, nothing wider than its frame at any usual width, no button of a row out of
sight; and, as in every test here, no complaint in the console.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import resolve

from e2e.conftest import FORGET_AXE, NARROW, WIDE
from e2e.test_overflow import HIDDEN_BUTTONS, WIDER, WIDTHS
from e2e.tour import OWNERS, TOUR, go, seen_by

LOOKS = {"en": (("light", WIDE), ("dark", NARROW)), "ru": (("dark", WIDE),)}
# axe reads colours as they are drawn; the administration fades whatever one asks of motion.
FADES = """() => Promise.allSettled(document.getAnimations()
    .filter((one) => one instanceof CSSTransition).map((one) => one.finished)).then(() => null)"""
ONLY_VIOLATIONS = {"resultTypes": ["violations"]}  # as the other lists take time to make


@pytest.mark.parametrize("who", sorted({page[0] for page in TOUR.values()}), ids=lambda who: who or "visitor")
@pytest.mark.parametrize(
    "language", [pytest.param(name, marks=pytest.mark.xdist_group(f"pages-{name}")) for name in LOOKS]
)
def test_every_page(language, who, context_of, stack):
    known = stack.tour_data(language, OWNERS[language])
    page = context_of(seen_by(who, language), locale=language, reduced_motion="reduce").new_page()
    found = []
    for name, (looker, url_name, steps) in TOUR.items():
        if looker != who:
            continue
        go(page, steps.format_map(known))
        if url_name:  # none: the administration, and an address at which there is nothing
            path = page.url.removeprefix(stack.url).partition("?")[0]
            assert resolve(path).url_name == url_name, name
        assert page.locator("html").get_attribute("lang") == language, name
        found += [f"{name} {what}" for what in [*violations(page, LOOKS[language]), *too_wide(page)]]
    assert found == []


def violations(page, looks):
    for scheme, size in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate(FADES)
        answer = Axe().run(page, options=ONLY_VIOLATIONS)
        page.evaluate(FORGET_AXE)
        if answer.violations_count:
            yield f"{scheme} {size['width']}: {answer.generate_report()}"


def too_wide(page):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        yield from (f"at {width}: {what}" for what in page.evaluate(WIDER))
        if cut := page.evaluate(HIDDEN_BUTTONS):
            yield f"at {width}: {cut} buttons out of sight"
