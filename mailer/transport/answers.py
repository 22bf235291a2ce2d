"""Answers that say the same, counted as one."""

import re
from functools import lru_cache

from mailer.answers import OTHER_ANSWERS, is_refusal, ranked, summary

__all__ = ["OTHER_ANSWERS", "alike", "is_refusal", "ranked", "summary"]

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
# Of an acceptance only the words matter: what holds a digit, an address or a host name is none, nor is an
# id of hexadecimal digits that happen to be letters.
_NO_WORD = re.compile(
    r"(?:(?<![^\s(\[])(?=[^\s\d<@.(\[]{0,80}(?:[\d<@]|\.\w))|(?<=queued as )|\bid=)[^\s()\[\],;]+"
    r"|\b[a-f]{8,}\b"
)


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
    end = 4 if is_refusal(answer) else 0
    return (answer[:end] + _DIFFERENT.sub(_kept, answer[end:]))[:MAX_LENGTH]


def _kept(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3] or "…"
