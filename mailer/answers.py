"""The few lines that sum up all answers of a run: what went wrong first."""

import re
from collections.abc import Mapping

from django.utils.translation import gettext_noop

OTHER_ANSWERS = gettext_noop("other answers")
MAX_LINES = 10
_REFUSAL = re.compile(r"[45]\d\d\b")


def is_refusal(answer: str) -> bool:
    """Whether a server said no; our own reasons begin with no reply code."""
    return bool(_REFUSAL.match(answer))


def ranked(answers: Mapping[str, int]) -> list[tuple[str, int]]:
    """How often each answer came: refusals first, then the most frequent, at most ten; the rest as one."""
    known = {answer: number for answer, number in answers.items() if answer != OTHER_ANSWERS}
    others = answers.get(OTHER_ANSWERS, 0)
    in_order = sorted(known.items(), key=lambda item: (not is_refusal(item[0]), -item[1], item[0]))
    room = MAX_LINES - 1 if others or len(in_order) > MAX_LINES else MAX_LINES
    shown = in_order[:room]
    no_refusal = next((item for item in in_order if not is_refusal(item[0])), None)
    if no_refusal and no_refusal not in shown:
        shown[-1] = no_refusal  # among many refusals one sees that something went out
    others += sum(known.values()) - sum(number for _, number in shown)
    return [*shown, (OTHER_ANSWERS, others)] if others else shown


def summary(answers: Mapping[str, int]) -> str:
    """The same as text, one answer a line."""
    return "\n".join(f"{number} × {answer}" for answer, number in ranked(answers))
