"""What every kind of file is read into, and how much of it is read at most."""

from typing import NamedTuple

MOST_COLUMNS = 200
LONGEST_LINE = 100_000  # characters
SAMPLE = 50  # records that a layout is guessed from


class CannotRead(Exception):
    """The file as a whole is of no use; str(error) says why and where. Nothing of it was imported."""


class Record(NamedTuple):
    """One line of a table, or one card; `problem` says why nothing can be made of it."""

    line: int
    cells: list[str]
    problem: str = ""


class Refused(NamedTuple):
    """A line that was left out."""

    line: int
    email: str
    why: str


def shown(text: str) -> str:
    """A piece of the file that is safe to print, wherever that may be."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:100])
