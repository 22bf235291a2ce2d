"""Telling the acceptance of a mail from the server's other replies.

A server that omits one reply (Exim does, to BDAT with a full spool) makes every later reply look like the one
before it. When mails are pipelined, counting alone would then take the reply to a later MAIL or RSET for the
acceptance of a mail that was never accepted.
"""

import re
from functools import lru_cache

_VARIES = re.compile(rb"[\d@]|^(?=.*[a-z])(?=.+[A-Z])[\w=+/-]{8,}$|^[A-Z]{6,}$|^[a-f]{8,}$")
_CODE = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}$")
_ANY = b"#"  # a word that differs from mail to mail: an id, a size, a time, an address
LONG_HEAD = 3  # leading words that another reply will not share by chance
MOST_SEEN = 100  # replies remembered per connection
Words = tuple[bytes, ...]


def _words(text: bytes) -> Words:
    words = text.split()
    return tuple([word if _CODE.match(word) or not _VARIES.search(word) else _ANY for word in words])


@lru_cache(64)
def _ahead(acceptance: bytes) -> dict[int, re.Pattern[bytes]]:
    """The replies to RSET, MAIL, RCPT and BDAT, by how many are due; the last often comes alone.

    One before the last that begins like an acceptance does not match.
    """
    before = rb"(?:250 (?!%b)[ -~]{,400}\r\n)" % re.escape(acceptance)
    last = rb"(?:250 ([!-~]+(?: [!-~]+)*)\r\n)?"
    return {due: re.compile(before + b"{%d}" % (due - 1) + last) for due in (1, 2, 3, 4)}


class AcceptanceFilter:
    """What one connection has shown of its server's wording; `text` is a reply without its code.

    Learned from mails that were alone on the connection, so that each reply can belong to one command only.
    """

    def __init__(self) -> None:
        self._envelope: set[Words] = set()  # replies to RSET, MAIL and RCPT
        self._content: set[Words] = set()  # acceptances
        self._seen: set[bytes] = set()  # envelope replies seen before, word for word
        self._prefix: bytes | None = None  # what acceptances begin with and envelope replies do not
        self._constant: bytes | None = None  # the acceptance, where it is always the same
        # How acceptances read is known: one had an id in it, or two did not differ.
        self.certain = False

    def note_envelope(self, text: bytes) -> None:
        """Remember a positive reply to RSET, MAIL or RCPT."""
        if text in self._seen:
            return
        if len(self._seen) < MOST_SEEN:
            self._seen.add(text)
            self._envelope.add(_words(text))
        if text == self._constant:
            self._constant = None
        if self._prefix is not None and text.startswith(self._prefix):
            self._prefix = None

    def learn(self, text: bytes) -> bool:
        """Note how this server accepts a mail; False if other commands get the same reply.

        Call it until it is `certain`.
        """
        words = self._with_earlier(_words(text))
        if not words or any(_begins(known, words) for known in self._envelope):
            return False
        self.certain = _ANY in words or words in self._content
        self._content.add(words)
        head = _head(words)
        if len(head) == len(words):
            self._constant = text
            return True
        prefix = b" ".join(head) + b" "
        plain = len(head) > 1 and text.startswith(prefix)
        self._prefix = prefix if plain and not any(seen.startswith(prefix) for seen in self._seen) else None
        return True

    def _with_earlier(self, words: Words) -> Words:
        """What is common to this acceptance and an earlier one: an id may be short and look like a word."""
        for known in self._content:
            differing = [at for at, pair in enumerate(zip(words, known, strict=False)) if pair[0] != pair[1]]
            if len(words) == len(known) and len(differing) == 1 and differing[0] >= LONG_HEAD:
                at = differing[0]
                return (*words[:at], _ANY, *words[at + 1 :])
        return words

    def is_usual(self, text: bytes) -> bool:
        """Whether this is an acceptance like those before; False if it needs a closer look."""
        prefix = self._prefix
        return text == self._constant or (prefix is not None and text.startswith(prefix))

    def ahead(self) -> dict[int, re.Pattern[bytes]]:
        """Patterns of the usual replies to a mail sent ahead; none if acceptances are not usual yet."""
        acceptance = self._constant if self._prefix is None else self._prefix
        return _ahead(acceptance) if acceptance else {}

    def tells_apart(self, taken: bytes, mail: bytes, rcpt: bytes) -> bool:
        """Whether `taken` is a usual acceptance that no reply to MAIL or RCPT could be mistaken for."""
        prefix, constant = self._prefix, self._constant
        if prefix is not None and (mail.startswith(prefix) or rcpt.startswith(prefix)):
            return False
        if constant is not None and constant in (mail, rcpt):
            return False
        return taken == constant or (prefix is not None and taken.startswith(prefix))

    def accepts(self, text: bytes) -> bool:
        """Whether this is how the server accepts a mail, and not a reply to another command."""
        if self.is_usual(text):
            return True
        words = _words(text)
        if any(_begins(known, words) for known in self._envelope):
            return False
        return any(_begins(words, known) for known in self._content)


def _head(words: Words) -> Words:
    return words[: words.index(_ANY)] if _ANY in words else words


def _begins(words: Words, known: Words) -> bool:
    """Whether `words` equal `known` except for the parts that vary; an id may happen to look like a word."""
    head = _head(known)
    at = len(head)
    if at == len(known):
        return words == known
    if len(words) <= at or words[:at] != head:
        return False
    return (
        words[at] == _ANY or at >= LONG_HEAD or (len(known) > at + 1 and words[at + 1 :] == known[at + 1 :])
    )
