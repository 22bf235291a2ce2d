"""Makes the two parts of a mail from an author's HTML: checked, prepared in a child process, and cached.

The process has limits, because anybody may write a body that keeps the tools busy. It harms nothing but
itself, and the result is cached, so that preview, save and send pay once for the same body.
"""

import hashlib
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self

from django.core.cache import cache
from django.utils.translation import gettext as _

from mailer.composing.markup.elements import ENDS_BY_ITSELF
from mailer.composing.merge import CannotCompile
from mailer.composing.slots import Busy, slot

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("html_process.py")
VERSION = 6  # raise it when the program makes something else of the same source
KEEP_SECONDS = 7 * 24 * 3600
# On a busy machine; the process also has a limit of CPU time.
WAIT_SECONDS = 12

LARGEST = 600_000  # characters
DEEPEST = 250
MOST_TAGS = 40_000
MOST_FACTS = 500  # links and pictures that a check sees
MOST_RULES = 6_000
MOST_MATCHES = 25_000_000  # rules × tags
_TAG = re.compile(r"<(/?)([a-z][a-z0-9:]*)", re.IGNORECASE)


class Facts(NamedTuple):
    """What a check needs to know about the author's HTML; addresses still have their Liquid tags."""

    links: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str | None], ...] = ()  # address and alternative text
    own_way_out: bool = True

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        pictures = tuple((address, alt) for address, alt in data["pictures"][:MOST_FACTS])
        return cls(
            links=tuple(data["links"][:MOST_FACTS]), pictures=pictures, own_way_out=data["own_way_out"]
        )


class Prepared(NamedTuple):
    html: str
    text: str
    facts: Facts


def prepare(source: str, *, footer_html: str, footer_text: list[str]) -> Prepared:
    """Inline styles, make a text part, add an unsubscribe link where there is none.

    Raises CannotCompile with the line if that is impossible or takes too much, and Busy if others are already
    waiting.
    """
    look(source)
    question = json.dumps({"source": source, "footer_html": footer_html, "footer_text": footer_text})
    answer = answer_of(question, program=PROGRAM)
    if problem := answer.get("problem"):
        line = source.count("\n", 0, answer.get("position", 0)) + 1
        raise CannotCompile(_sentence(problem, line), token=None)
    return Prepared(answer["html"], answer["text"], Facts.of(answer["facts"]))


def look(source: str) -> None:
    """Refuse in linear time what would be refused in the end."""
    if len(source) > LARGEST:
        raise CannotCompile(_sentence("excess", 0), token=None)
    rules = _rules(source.lower())
    depth = tags = 0
    for tag in _TAG.finditer(source):
        tags += 1
        if tag[2].lower() not in ENDS_BY_ITSELF:
            depth = max(0, depth + (-1 if tag[1] else 1))
        if depth > DEEPEST or tags > MOST_TAGS:
            break
    if depth > DEEPEST or tags > MOST_TAGS or rules > MOST_RULES or rules * tags > MOST_MATCHES:
        raise CannotCompile(_sentence("excess", 0), token=None)


def _rules(source: str) -> int:
    rules, start = 0, source.find("<style")
    while start >= 0:
        end = source.find("</style", start)
        rules += source.count("{", start, end if end >= 0 else len(source))
        start = source.find("<style", end) if end >= 0 else -1
    return rules


def answer_of(question: str, *, program: Path) -> dict[str, Any]:
    """The result of a program of ours, run in a child process and cached."""
    digest = hashlib.sha256(question.encode()).hexdigest()
    key = f"mailer:prepared:{VERSION}:{program.stem}:{digest}"
    if (kept := _kept(key)) is None:
        with slot():
            kept = _kept(key)  # somebody else may have done it meanwhile
            if kept is None:
                kept = _run(question, program)
                _keep(key, kept)
    answer: dict[str, Any] = json.loads(kept)
    return answer


_nearby: dict[str, str] = {}  # this process's last few results, which its next slices need
_nearby_lock = Lock()


def _kept(key: str) -> str | None:
    if nearby := _nearby.get(key):
        return nearby
    try:
        kept: str | None = cache.get(key)
    except Exception:  # whatever the cache's backend raises: it is done again without it
        log.warning("the cache does not answer", exc_info=True)
        return None
    if kept is not None:
        _keep_nearby(key, kept)
    return kept


def _keep_nearby(key: str, answer: str) -> None:
    with _nearby_lock:
        _nearby[key] = answer
        while len(_nearby) > 16:
            del _nearby[next(iter(_nearby))]


def _keep(key: str, answer: str) -> None:
    _keep_nearby(key, answer)
    try:
        cache.set(key, answer, KEEP_SECONDS)
    except Exception:
        log.warning("the cache does not answer", exc_info=True)


def _run(question: str, program: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, "-I", str(program)],
            input=question,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=WAIT_SECONDS,
            check=True,
            env={},
        )
    except subprocess.TimeoutExpired as error:  # it has not used its two seconds of CPU time: others did
        raise Busy.now() from error
    except subprocess.CalledProcessError as error:
        log.info("a message was not prepared: %s", (error.stderr or "")[-2000:])
        return json.dumps({"problem": "excess"})
    return done.stdout


def _sentence(problem: str, line: int) -> str:
    sentences = {
        "excess": _("this HTML is too deeply nested, has too many style rules, or grows too large"),
        "name": _("a merge field cannot be the name of an HTML tag (line %(line)s)"),
        "attribute": _(
            "a merge field can be the value of an HTML attribute, but not its name (line %(line)s)"
        ),
        "tag": _("the HTML tag that begins here is not closed (line %(line)s)"),
        "branch": _(
            "a Liquid tag cuts an HTML tag, a quote or a comment in two; "
            "let each branch open and close them as a whole (line %(line)s)"
        ),
        "lost": _("this HTML could not be kept as it is written (line %(line)s)"),
        "way out": _("nobody would see the unsubscribe link; add one where everyone sees it"),
    }
    return sentences[problem] % {"line": line}
