"""Servers' answers as a particular user may read them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import get_language, gettext

from mailer.models import Attempt
from mailer.transport.answers import is_refusal, ranked
from mailer.transport.refusals import classify, explain
from people.models import User

Reader = User | AnonymousUser | None
TOP = 10
REPLY = re.compile(r"(\b[245]\d\d(?:[ -]\d\.\d{1,3}\.\d{1,3})?)\b.*", re.DOTALL)
ADDRESS = re.compile(r"[^\s<>(),;:\"']+@[^\s<>(),;:\"']+")


def without_addresses(answer: str) -> str:
    """An answer without anything that may name its recipient: only the codes of a server's reply are left."""
    return ADDRESS.sub("…", REPLY.sub(r"\1", answer))


def answers_for(attempt: Attempt, reader: Reader) -> list[tuple[int, str]]:
    """How often each answer came, refusals first; our own reasons in the reader's language."""
    texts = [(number, gettext(answer)) for answer, number in ranked(attempt.answers) if answer]
    if attempt.shows_addresses_to(reader):
        return texts
    return [(number, without_addresses(text)) for number, text in texts]


def problem_for(attempt: Attempt, reader: Reader) -> str:
    if attempt.problem_code == Attempt.ALLOWANCE:
        return gettext(attempt.problem)
    return attempt.problem if attempt.shows_addresses_to(reader) else without_addresses(attempt.problem)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Answers with the same meaning: how often they came, what they mean, and an example."""

    number: int
    sentence: str
    remedy: str
    example: str


def meanings_of(attempts: Iterable[Attempt], *, seen_by: Reader) -> list[Meaning]:
    """Refusals of some runs, counted together by meaning, the most frequent first."""
    answers: Counter[tuple[str, bool]] = Counter()
    for attempt in attempts:
        shown = attempt.shows_addresses_to(seen_by)
        answers.update({(answer, shown): number for answer, number in attempt.answers.items()})
    numbers: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for (answer, shown), number in answers.most_common():
        if not is_refusal(answer):
            continue
        meaning = meaning_of(answer)
        numbers[meaning] += number
        examples.setdefault(meaning, answer if shown else without_addresses(answer))
    return [
        Meaning(number=number, sentence=sentence, remedy=remedy, example=examples[sentence, remedy])
        for (sentence, remedy), number in numbers.most_common(TOP)
    ]


def meaning_of(answer: str) -> tuple[str, str]:
    """What a refusal means and what to do about it, in the reader's language."""
    explained = explain(classify(int(answer[:3]), answer), get_language() or "en")
    return explained.sentence, explained.remedy
