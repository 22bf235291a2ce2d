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
    for file in (settings.BASE_DIR / "mailer" / "tests").glob("test_*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                there.add((file.name, node.name, ""))
            if isinstance(node, ast.ClassDef):
                there |= {(file.name, node.name, getattr(inner, "name", "")) for inner in node.body}
    assert named - there == set()
