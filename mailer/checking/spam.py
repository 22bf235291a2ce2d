"""SpamAssassin's opinion of a mail, by spamd's protocol."""

import re
import socket
from typing import Any

from django.conf import settings

SECONDS = 20.0
LONGEST_ANSWER = 65_536  # octets
_SCORE = re.compile(rb"^Spam:\s*\w+\s*;\s*(-?[0-9.]+)\s*/\s*(-?[0-9.]+)", re.MULTILINE | re.IGNORECASE)


class SpamdAway(Exception):
    """It gave no score; str(error) says why."""


def score_of(mail: bytes) -> dict[str, Any]:
    """`score`, `limit` and the `rules` that led to it; raises SpamdAway if there is no answer."""
    answer = _said(b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(mail) + mail)
    head, _, body = answer.partition(b"\r\n\r\n")
    found = _SCORE.search(head)
    if not found:
        raise SpamdAway(head[:100].decode("latin-1"))
    rules = [rule for rule in re.split(r"[,\s]+", body.decode("ascii", "replace")) if rule]
    return {"score": float(found[1]), "limit": float(found[2]), "rules": rules[:30]}


def _said(question: bytes) -> bytes:
    answer = b""
    if settings.SPAMD is None:
        raise SpamdAway("none is set")
    try:
        with socket.create_connection(settings.SPAMD, SECONDS) as spamd:
            spamd.sendall(question)
            spamd.shutdown(socket.SHUT_WR)
            while len(answer) < LONGEST_ANSWER and (data := spamd.recv(8192)):
                answer += data
    except OSError as error:
        raise SpamdAway(str(error)) from error
    return answer
