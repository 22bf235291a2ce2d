"""What a mail server's refusal is about, and so what it means for the mails that follow.

In this order: known answers, then the enhanced code (RFC 3463 and IANA's registry), then the reply code and
the command it answers (RFC 5321 section 4.2), then the words.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from mailer.transport.known_answers import Explanation, KnownAnswer, RefusalClass, read
from mailer.transport.waits import names_a_time, wait_for_period, wait_named, wait_until

__all__ = ["Explanation", "Refusal", "RefusalClass", "classify", "explain"]

KNOWN = read()
MAX_TEXT = 2048  # characters examined

_CODES = re.compile(r"(?:[245]\d\d[ -])?(?:#?([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d))?")
_NUMBERED = re.compile(r"\(?#([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")  # qmail, Cisco, Exchange: "(#5.1.1)"
_ADDRESS = re.compile(
    r"<[^<>\s@]{0,320}@[^<>\s@]{0,320}>|(?<![^\s<>()\[\]\"',;:])[^\s<>()\[\]\"',;:@]{1,64}@[\w.-]{1,255}"
)
_LONG_ID = re.compile(r"\b(?=[a-z]{0,40}\d)\w{8,}\b")


class Refusal(NamedTuple):
    """`permanent`: the same mail will be refused again. `suppress`: the address does not exist."""

    refusal_class: RefusalClass
    permanent: bool
    suppress: bool
    retry_after: int | None  # seconds, if the answer names any
    explanation: str  # the key for `explain`


def classify(code: int, text: str, *, command: str = "") -> Refusal:
    """What this refusal means; never raises, whatever the server answers.

    `code` is the reply code, 0 if none came. `text` may begin with the codes. `command` is what was answered:
    GREETING, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, CONTENT, RSET, or empty if unknown.
    """
    refusal = _classify(code, text[:MAX_TEXT], command)
    if refusal.retry_after == _BY_THE_CLOCK:
        return refusal._replace(retry_after=wait_until(_normal(text[:MAX_TEXT])[1]))
    return refusal


def explain(refusal: Refusal, language: str) -> Explanation:
    """A plain sentence and a remedy, in Russian or in English."""
    return KNOWN.texts[refusal.explanation, "ru" if language.lower().startswith("ru") else "en"]


@lru_cache(4096)
def _classify(code: int, text: str, command: str) -> Refusal:
    return _judge(code, *_normal(text), command.upper())


@lru_cache(2048)
def _judge(code: int, enhanced: str, words: str, command: str) -> Refusal:
    """Cached: the same for all answers that differ only in an address or an id."""
    means = _means(code, enhanced, words, command)
    if KNOWN.classes[means] in _ONE_RECIPIENT:
        means = _fitting(means, code, command)
    refusal_class = KNOWN.classes[means]
    if refusal_class in _FOR_GOOD and not 500 <= code < 600:
        # The reply code alone decides whether it is permanent (RFC 5321 section 4.2.1).
        refusal_class = RefusalClass.RECIPIENT_LATER
    return Refusal(
        refusal_class=refusal_class,
        permanent=500 <= code < 600 and refusal_class is not RefusalClass.RECIPIENT_LATER,
        suppress=refusal_class is RefusalClass.GONE,
        retry_after=_retry_after(refusal_class, words),
        explanation=means,
    )


def _fitting(means: str, code: int, command: str) -> str:
    """The same answer means something else where no recipient was named, or where it is not permanent."""
    if command == "MAIL" and code >= 500:
        return "too-large" if means == "mailbox-full" else "sender-address"
    if command in _NO_RECIPIENT:
        return "policy" if code >= 500 else "server-busy"
    return "try-later" if code < 500 and means in _SAID_FOR_GOOD else means


def _retry_after(refusal_class: RefusalClass, words: str) -> int | None:
    if refusal_class in _FOR_GOOD:
        return None
    if names_a_time(words):
        return _BY_THE_CLOCK
    named = wait_named(words)
    return wait_for_period(words) if named is None and refusal_class is RefusalClass.QUOTA else named


def _normal(text: str) -> tuple[str, str]:
    """The enhanced code, if there is one, and the words without codes, addresses and ids."""
    text = " ".join(text.split()).lower()
    found = _CODES.match(text)
    start = found.end() if found else 0
    enhanced = (found and found[1]) or ""
    if not enhanced and (numbered := _NUMBERED.search(text)):
        enhanced = numbered[1]
    words = text[start:]
    if enhanced and enhanced in words:  # once per line, in answers of several lines
        words = words.replace(f"{enhanced} ", "")
    if "@" in words:
        words = _ADDRESS.sub("@", words)
    words = _LONG_ID.sub("#", words)
    return enhanced, words.strip()


def _means(code: int, enhanced: str, words: str, command: str) -> str:
    """The explanation that fits."""
    digits = str(code)
    return (
        _known(KNOWN.answers, digits, enhanced, words)
        or _by_enhanced_code(code, enhanced)
        or _by_reply_code(code, command)
        or _known(KNOWN.words, digits, enhanced, words)
        or _otherwise(code, command)
    )


def _known(entries: tuple[KnownAnswer, ...], code: str, enhanced: str, words: str) -> str:
    for entry in entries:
        if entry.fits(code, enhanced, words):
            return entry.means
    return ""


def _by_enhanced_code(code: int, enhanced: str) -> str:
    _, _, detail = enhanced.partition(".")  # the reply code decides the first digit
    if not detail or detail in _VAGUE:
        return ""
    if detail == "2.1":
        return "address-closed" if code >= 500 else "rate"
    return _ENHANCED.get(detail) or _SUBJECT.get(detail.partition(".")[0], "")


def _by_reply_code(code: int, command: str) -> str:
    """What the reply code alone says; None where only the words can tell."""
    if command == "AUTH" and code >= 500:
        return "log-in-refused"
    if code and not 400 <= code <= 599:
        return "not-understood"
    return _REPLY.get(code, "")


def _otherwise(code: int, command: str) -> str:
    """The safe meaning of what nobody knows: a refusal that may be about us uses no recipient up."""
    if code < 500:
        known = _REPLY_AT_OPENING if command in _NO_RECIPIENT else _REPLY_OTHERWISE
        return known.get(code) or ("server-error" if command in _BEFORE_RCPT else "try-later")
    if code == 552:
        return "mailbox-full" if command == "RCPT" else "too-large"
    if code < 510 or code == 555:
        return "not-understood"
    return "content-refused" if command in ("CONTENT", "DATA") else "policy"


_BY_THE_CLOCK = -1
_FOR_GOOD = (RefusalClass.GONE, RefusalClass.RECIPIENT)
_ONE_RECIPIENT = (*_FOR_GOOD, RefusalClass.RECIPIENT_LATER)
_NO_RECIPIENT = ("GREETING", "EHLO", "HELO", "STARTTLS", "AUTH", "RSET")
_BEFORE_RCPT = (*_NO_RECIPIENT, "MAIL")
# Explanations that would be wrong where the server only says "not now".
_SAID_FOR_GOOD = {
    "no-such-address", "address-closed", "address-moved", "bad-address", "no-such-domain", "not-routed",
    "recipient-refuses", "recipient-unavailable",
}  # fmt: skip
_VAGUE = {
    "0.0",
    "1.0",
    "2.0",
    "3.0",
    "4.1",
    "5.0",
    "7.0",
    "7.1",
    "7.2",
}  # for anything: the words say more
_REPLY = {
    521: "no-mail-server",  # RFC 7504
    523: "tls-needed",
    530: "log-in-needed",  # RFC 4954
    534: "log-in-refused",
    535: "log-in-refused",
    538: "tls-needed",
    556: "no-such-domain",  # RFC 7504
}
_REPLY_AT_OPENING = {0: "unreachable", 421: "server-busy", 452: "server-full"}
_REPLY_OTHERWISE = {0: "unreachable", 421: "closed", 452: "server-full"}
# RFC 3463, and IANA's registry "SMTP Enhanced Status Codes" for later ones.
_ENHANCED = {
    "1.1": "no-such-address",
    "1.2": "no-such-domain",
    "1.3": "bad-address",
    "1.4": "not-routed",
    "1.6": "address-moved",
    "1.7": "sender-address",
    "1.8": "sender-domain",
    "1.9": "server-error",
    "1.10": "no-such-domain",  # RFC 7505
    "2.2": "mailbox-full",
    "2.3": "too-large",
    "2.4": "not-routed",
    "3.1": "server-full",
    "3.2": "server-busy",
    "3.3": "not-understood",
    "3.4": "too-large",
    "4.2": "closed",
    "4.4": "not-routed",
    "4.5": "rate",
    "4.6": "not-routed",
    "4.7": "not-routed",
    "5.3": "rate",
    "6.0": "bad-format",
    "6.1": "bad-format",
    "6.3": "bad-format",
    "6.7": "utf8-address",  # RFC 6531
    "6.9": "bad-format",
    "6.11": "bad-format",  # Exchange: bare line feeds
    "7.8": "log-in-refused",  # RFC 4954
    "7.9": "log-in-refused",
    "7.10": "tls-needed",
    "7.11": "tls-needed",
    "7.12": "log-in-refused",
    "7.13": "account-stopped",
    "7.17": "address-moved",  # RFC 7293
    "7.18": "address-moved",
    "7.19": "not-routed",
    "7.20": "not-authenticated",  # RFC 7372
    "7.21": "not-authenticated",
    "7.22": "not-authenticated",
    "7.23": "not-authenticated",
    "7.24": "not-authenticated",
    "7.25": "reverse-dns",
    "7.26": "not-authenticated",
    "7.27": "sender-domain",  # RFC 7505
    "7.28": "rate",
    "7.29": "not-authenticated",
    "7.30": "tls-needed",  # RFC 8689
    "7.32": "not-authenticated",  # Gmail: From is not aligned
}
_SUBJECT = {
    "1": "recipient-unavailable",
    "2": "recipient-unavailable",
    "3": "server-error",
    "4": "server-error",
    "5": "not-understood",
    "6": "content-refused",
    "7": "policy",
}
