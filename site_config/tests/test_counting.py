"""Numbers as lists have room for them."""

import pytest
from django.utils import translation

from site_config.ui.counting import grouped, share, short

NARROW = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("number", "english", "russian"),
    [
        (0, "0", "0"),
        (9_999, "9,999", f"9{NARROW}999"),
        (10_000, "10k", "10 тыс."),
        (999_999, "999k", "999 тыс."),
        (1_000_000, "1.0M", "1,0 млн"),
        (1_239_999, "1.23M", "1,23 млн"),
        (10_000_000, "10.0M", "10,0 млн"),
    ],
)
def test_a_large_number_is_short_and_never_rounded_up(number, english, russian):
    for language, shown in (("en", english), ("ru", russian)):
        with translation.override(language):
            assert short(number) == shown


def test_a_small_number_is_whole():
    assert grouped(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("part", "shown"),
    [(0, "0"), (9, "9"), (9_999, "9,999"), (10_000, "1%"), (999_999, "99%"), (1_000_000, "100%")],
)
def test_all_means_all_and_none_means_none(part, shown):
    assert share(part, 1_000_000) == shown
