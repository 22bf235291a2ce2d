"""Templates that a person can read."""

from pathlib import Path

from django.conf import settings

WIDTH = 120


def test_no_line_of_a_template_is_wider_than_120_columns():
    wide = [
        f"{path.relative_to(settings.BASE_DIR)}:{number} has {len(line)}"
        for path in sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > WIDTH
    ]
    assert wide == []
