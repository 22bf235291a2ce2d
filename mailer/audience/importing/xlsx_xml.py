"""The XML of workbooks, by expat."""

from typing import Any
from xml.parsers import expat

from django.utils.translation import gettext as _

from mailer.audience.importing.records import CannotRead


def damaged() -> str:
    return _("This workbook cannot be read: the file is damaged or cut off.")


def local(name: str) -> str:
    """The name of an element or attribute without its namespace prefix."""
    return name.rpartition(":")[2]


def new_parser() -> Any:
    """An XML parser that refuses entities, by which a small file could become a large one."""

    def refuse(*_args: Any) -> None:
        raise CannotRead(_("This workbook contains XML that no spreadsheet program writes."))

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    return parser


def parse(parser: Any, chunk: bytes) -> None:
    """Feed a parser; raises CannotRead for what is not XML."""
    try:
        parser.Parse(chunk, False)
    except expat.ExpatError as error:
        raise CannotRead(damaged()) from error
