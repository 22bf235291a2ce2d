"""What every kind of file is read into, and the limits of what is read."""

from typing import NamedTuple

MOST_COLUMNS = 200
LONGEST_LINE = 100_000  # characters
SAMPLE = 50  # records from which a layout is guessed


class CannotRead(Exception):
    """The file as a whole cannot be used; str(error) says why and where. Nothing of it was imported."""


class Record(NamedTuple):
    """One line of a table, or one card; `problem` says why it cannot be used."""

    line: int
    cells: list[str]
    problem: str = ""


class Refused(NamedTuple):
    """A line that was left out."""

    line: int
    email: str
    why: str


def shown(text: str) -> str:
    """A piece of the file that is safe to print anywhere."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:100])
