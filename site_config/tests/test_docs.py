"""What the documentation says of the tests is true."""

import ast
import re

import pytest
from django.conf import settings

pytestmark = pytest.mark.once
NAMED = re.compile(r"(test_\w+\.py)::(test_\w+|Test\w+)(?:::(test_\w+))?")


def test_the_tests_that_hold_each_promise_of_sending_are_there():
    text = (settings.BASE_DIR / "docs" / "sending.md").read_text(encoding="utf-8")
    named = set(NAMED.findall(text))
    assert len(named) > 20
    there = set()
    for file in (settings.BASE_DIR / "mailer" / "tests").rglob("test_*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                there.add((file.name, node.name, ""))
            if isinstance(node, ast.ClassDef):
                there |= {(file.name, node.name, getattr(inner, "name", "")) for inner in node.body}
    assert named - there == set()


def test_the_threat_model_names_tests_that_are_there():
    """Who, what, how stopped, which test: each row names one at least."""
    text = (settings.BASE_DIR / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 25
    for row in rows:
        files = re.findall(r"`(\w+/tests/[\w/]*test_\w+\.py)`", row)
        assert files, row
        assert [file for file in files if not (settings.BASE_DIR / file).exists()] == []
