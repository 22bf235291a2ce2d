"""What tests read of a page, whatever the lines of its template."""

import re
from typing import Any


def flat(answer: Any) -> str:
    """An answer's HTML on one line, without the white space beside its tags."""
    text = re.sub(r"\s+", " ", answer.content.decode())
    return re.sub(r" ?(</?[a-z!][^>]*?) ?(/?>) ?", r"\1\2", text).strip()
