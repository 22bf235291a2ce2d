"""The Russian catalogue says all that the English source says, and its compiled file says the same."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings

FOLDER = Path("locale/ru/LC_MESSAGES")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?\w+[^>]*>")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", "shots"
)


@pytest.fixture(scope="module")
def catalogue():
    return polib.pofile(str(settings.BASE_DIR / FOLDER / "django.po"))


def texts(entry):
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_nothing_is_untranslated_uncertain_or_left_over(catalogue):
    assert [entry.msgid for entry in catalogue if not all(texts(entry))] == []
    assert [entry.msgid for entry in catalogue if entry.fuzzy] == []
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


def test_every_plural_has_all_its_forms(catalogue):
    assert "nplurals=4;" in catalogue.metadata["Plural-Forms"]
    assert [e.msgid for e in catalogue if e.msgid_plural and len(e.msgstr_plural) != 4] == []


def test_every_placeholder_and_tag_is_kept(catalogue):
    def differs(entry):
        wanted = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
        return any(set(PLACEHOLDER.findall(text)) != wanted for text in texts(entry))

    assert [entry.msgid for entry in catalogue if differs(entry)] == []


def test_the_compiled_file_says_the_same(catalogue):
    compiled = polib.mofile(str(settings.BASE_DIR / FOLDER / "django.mo"))

    def said(entries):
        return {(e.msgctxt, e.msgid): sorted(texts(e)) for e in entries}

    assert said(compiled) == said(catalogue)


def test_every_string_of_the_source_is_in_it(catalogue, tmp_path):
    if not shutil.which("xgettext"):
        assert "CI" not in os.environ, "gettext is missing"
        pytest.skip("gettext is not installed")
    copy = tmp_path / "copy"
    shutil.copytree(settings.BASE_DIR, copy, ignore=LEFT_OUT, symlinks=True)
    command = [
        sys.executable,
        "manage.py",
        "makemessages",
        "--locale",
        "ru",
        "--no-location",
        "--no-obsolete",
    ]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    collected = polib.pofile(str(copy / FOLDER / "django.po"))
    known = {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in catalogue}
    assert {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in collected} == known
