"""Templates that a person can read."""

import re
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


# What looks like a class of Bootstrap's; the parts that are built are listed in styles/bootstrap.scss.
BOOTSTRAP = re.compile(
    r"(?:btn|form|page|pagination|container|visually-hidden|(?:[mp][tbsexy]?)-(?:\d|auto)|text-body|d-|flex-"
    r"|align-|justify-|row|col-\d|alert|card-body|nav-link|dropdown|h[1-6])(?:-[a-z0-9-]+)?"
)
CLASSES = re.compile(r'class="([^"]*)"')


def test_every_class_of_bootstrap_that_a_template_uses_was_built():
    css = "".join(path.read_text() for path in Path(settings.BASE_DIR, "static/css").glob("*.css"))
    known = set(re.findall(r"\.([a-zA-Z_][\w-]*)", css))
    used = {
        name
        for path in Path(settings.BASE_DIR, "templates").rglob("*.html")
        for classes in CLASSES.findall(path.read_text())
        for name in re.sub(r"\{[{%].*?[%}]\}", " ", classes).split()
        if BOOTSTRAP.fullmatch(name)
    }
    assert "btn-primary" in used
    assert used - known == set()
