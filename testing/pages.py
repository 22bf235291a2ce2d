"""What tests read from a page, however its template is laid out."""

import re
from typing import Any

from django.test import Client as Browser

DIALOG = {"HX-Request": "true", "HX-Target": "dialog-body"}
REGION = {"HX-Request": "true", "HX-Target": "table-region"}


def flat(answer: Any) -> str:
    """A response's HTML on one line, without the white space beside its tags."""
    text = re.sub(r"\s+", " ", answer.content.decode())
    return re.sub(r" ?(</?[a-z!][^>]*?) ?(/?>) ?", r"\1\2", text).strip()


def shown(answer: Any) -> list[Any]:
    """The rows of the list in a response, in order."""
    return [row.record for row in answer.context["table"].paginated_rows]


def recipients(browser: Browser, target: str, **data: Any) -> Any:
    """What the form of a mailing asks while one chooses; `target`: the part of the page that asks."""
    headers = {"HX-Request": "true", "HX-Target": target}
    return browser.post("/mailings/recipients/", data, headers=headers)
