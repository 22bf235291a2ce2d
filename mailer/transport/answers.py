"""Servers' answers: which are refusals, which say the same, and a short summary of those of a run."""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import gettext_noop

OTHER_ANSWERS = gettext_noop("other answers")
MAX_LINES = 10
MAX_LENGTH = 300

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# Matched at the beginning of a word, in this order; a group is kept.
_WORDS = (
    r"([245]\.\d{1,3}\.\d{1,3})(?![\w:-]|\.\d)",  # enhanced codes
    r"((?:blocked|rejected|listed) (?:using|by|at|in|on) [\w.-]{1,80}[a-z]\b)",  # a blocklist's name says why
    r"((?<=//)[A-Za-z][\w-]{0,62}(?:\.[A-Za-z][\w-]{0,62}){1,9})",  # links
    r"[^\s<>()\[\]\"',;:@]{1,64}@[\w.-]{1,255}",
    rf"(?:[A-Z][a-z]{{2}}, ?)?(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} {{1,2}}\d{{1,2}})\b"  # dates
    r"(?: \d\d:\d\d:\d\d(?: [+-]\d{4})?)?",
    r"\S{1,120}(?= - g(?:smtp|cdp)\b)",
    r"(?=[A-Za-z_.+-]{0,80}\d)[\w.+-]{7,}",  # ids, IP addresses
    r"(?:[A-Za-z0-9][\w-]{0,62}\.){1,9}[A-Za-z][\w-]{1,62}",  # host names
    r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,9}",  # times, IPv6 addresses
    r"\d[\d.,:/-]{0,40}(?:[kKMG]i?[Bb]?|ms|s)?(?!\w)",  # numbers
    r"(?<=[Uu]ser )(?!is |was |has |un|not |name|account|quota|over|dis)"
    r"[\w.+-]{1,64}(?= (?:unknown|not |does|is ))",
    r"(?<=user: )[\w.+-]{1,64}",
)
_DIFFERENT = re.compile(
    rf"(?<![\w.+-])(?:{'|'.join(_WORDS)})"
    r"|<[^<>]{0,320}>|\"[^\"]{0,320}\"|\[(?=[^\]\s]{1,120}[=.:])[^\]]{1,400}\]"
)
_HEAD = re.compile(r"2\d\d[ -](?:2\.\d{1,3}\.\d{1,3} )?")
_USUAL = re.compile(r"(2\d\d (?:2\.\d\.\d )?O[kK]: )(\d{1,9} bytes )?queued as [\w.-]{1,80}")
# Only an acceptance's words matter: whatever holds a digit, an address or a host name is not one, nor is a
# hexadecimal id that happens to have no digits.
_NO_WORD = re.compile(
    r"(?:(?<![^\s(\[])(?=[^\s\d<@.(\[]{0,80}(?:[\d<@]|\.\w))|(?<=queued as )|\bid=)[^\s()\[\],;]+"
    r"|\b[a-f]{8,}\b"
)
_REFUSAL = re.compile(r"[45]\d\d\b")


def is_refusal(answer: str) -> bool:
    """Whether a server refused; our own reasons do not begin with a reply code."""
    return bool(_REFUSAL.match(answer))


@lru_cache(512)
def alike(answer: str) -> str:
    """The answer without what differs from mail to mail: ids, times, sizes, counts, addresses, names.

    The reply code and the enhanced codes stay.
    """
    if usual := _USUAL.fullmatch(answer):
        return f"{usual[1]}{'… bytes ' if usual[2] else ''}queued as …"
    if head := _HEAD.match(answer):
        end = head.end()
        return (answer[:end] + _NO_WORD.sub("…", answer[end:]))[:MAX_LENGTH]
    end = 4 if is_refusal(answer) else 0
    return (answer[:end] + _DIFFERENT.sub(_kept, answer[end:]))[:MAX_LENGTH]


def _kept(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3] or "…"


def ranked(answers: Mapping[str, int]) -> list[tuple[str, int]]:
    """How often each answer came: refusals first, then by frequency, at most ten; the rest is one line."""
    known = {answer: number for answer, number in answers.items() if answer != OTHER_ANSWERS}
    others = answers.get(OTHER_ANSWERS, 0)
    in_order = sorted(known.items(), key=lambda item: (not is_refusal(item[0]), -item[1], item[0]))
    most = MAX_LINES - 1 if others or len(in_order) > MAX_LINES else MAX_LINES
    shown = in_order[:most]
    no_refusal = next((item for item in in_order if not is_refusal(item[0])), None)
    if no_refusal and no_refusal not in shown:
        shown[-1] = no_refusal  # even among many refusals, one sees that something went out
    others += sum(known.values()) - sum(number for _, number in shown)
    return [*shown, (OTHER_ANSWERS, others)] if others else shown


def summary(answers: Mapping[str, int]) -> str:
    """The same as text, one answer per line."""
    return "\n".join(f"{number} × {answer}" for answer, number in ranked(answers))
