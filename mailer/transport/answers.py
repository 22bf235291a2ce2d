"""Answers that say the same counted as one, and the few lines that sum up all answers of a run."""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import gettext_noop

OTHER_ANSWERS = gettext_noop("other answers")
MAX_LINES = 10
MAX_LENGTH = 300

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# What stands at the beginning of a word, in the order in which it is tried; a group is kept.
_WORDS = (
    r"([245]\.\d{1,3}\.\d{1,3})(?![\w:-]|\.\d)",  # enhanced codes
    r"((?:blocked|rejected|listed) (?:using|by|at|in|on) [\w.-]{1,80}[a-z]\b)",  # a blocklist's name says why
    r"((?<=//)[A-Za-z][\w-]{0,62}(?:\.[A-Za-z][\w-]{0,62}){1,9})",  # where to read more
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
# Of an acceptance only the words matter: what holds a digit, an address or a host name is none.
_NO_WORD = re.compile(
    r"(?:(?<![^\s(\[])(?=[^\s\d<@.(\[]{0,80}(?:[\d<@]|\.\w))|(?<=queued as )|\bid=)[^\s()\[\],;]+"
)
_REFUSAL = re.compile(r"[45]\d\d\b")


@lru_cache(512)
def alike(answer: str) -> str:
    """The answer without what differs from mail to mail: ids, times, sizes, counts, addresses, names.

    Its reply code and enhanced codes stay.
    """
    if usual := _USUAL.fullmatch(answer):
        return f"{usual[1]}{'… bytes ' if usual[2] else ''}queued as …"
    if head := _HEAD.match(answer):
        end = head.end()
        return (answer[:end] + _NO_WORD.sub("…", answer[end:]))[:MAX_LENGTH]
    end = 4 if _REFUSAL.match(answer) else 0
    return (answer[:end] + _DIFFERENT.sub(_kept, answer[end:]))[:MAX_LENGTH]


def _kept(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3] or "…"


def is_refusal(answer: str) -> bool:
    """Whether a server said no; our own reasons begin with no reply code."""
    return bool(_REFUSAL.match(answer))


def summary(answers: Mapping[str, int]) -> str:
    """One answer a line: the refusals first, then the most frequent, at most ten lines."""
    known = {answer: number for answer, number in answers.items() if answer != OTHER_ANSWERS}
    others = answers.get(OTHER_ANSWERS, 0)
    ranked = sorted(known.items(), key=lambda item: (not is_refusal(item[0]), -item[1], item[0]))
    room = MAX_LINES - 1 if others or len(ranked) > MAX_LINES else MAX_LINES
    shown = ranked[:room]
    rest = next((item for item in ranked if not is_refusal(item[0])), None)
    if rest and rest not in shown:
        shown[-1] = rest  # among many refusals one sees that something went out
    others += sum(known.values()) - sum(number for _, number in shown)
    if others:
        shown.append((OTHER_ANSWERS, others))
    return "\n".join(f"{number} × {answer}" for answer, number in shown)
