"""Groups by rule: conditions saved under a name, and evaluated in the database each time they are needed.

A rule is data: a list of conditions, all of which must hold, each with `what` it looks at, a `test` and a
`value` as people write it; or {"any": such a list}, of which one must hold. They are validated anew each
time, so that one which no longer makes sense is never half true.
"""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.audience.rules.known import BrokenRule, Known
from mailer.audience.rules.terms import ATTRIBUTE, TERMS, AttributeTerm, GroupTerm, Term
from mailer.models import Client, ClientGroup
from mailer.models.client import ClientQuerySet

__all__ = [
    "MOST_TERMS",
    "BrokenRule",
    "Known",
    "Rule",
    "Term",
    "clients_of",
    "conditions",
    "in_words",
    "members_of",
    "read_term",
    "rules_with",
]

MOST_TERMS = 20
ANY = "any"


def read_term(*, what: str, test: str, text: str, known: Known) -> Term:
    """A condition as people write it; raises ValidationError if it makes no sense or names what does not
    exist.
    """
    name, _sep, key = what.partition(":")
    if name == ATTRIBUTE:
        return AttributeTerm.of_key(key, test=test, text=text, known=known)
    if what not in TERMS:
        raise ValidationError(_("Choose what to compare."))
    return TERMS[what].read(test=test, text=text, known=known)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Conditions that must all hold, or one of them."""

    terms: tuple[Term, ...]
    any_of: bool = False

    @classmethod
    def load(cls, data: Any, *, known: Known) -> Self:
        """A group's stored rule; raises BrokenRule if it no longer makes sense."""
        parts, any_of = conditions(data)
        if not isinstance(parts, list) or not 0 < len(parts) <= MOST_TERMS:
            raise BrokenRule(_("The rule cannot be read."))
        terms = []
        for part in parts:
            if not isinstance(part, dict) or set(part) != {"what", "test", "value"}:
                raise BrokenRule(_("The rule cannot be read."))
            try:
                terms.append(
                    read_term(
                        what=str(part["what"]), test=str(part["test"]), text=str(part["value"]), known=known
                    )
                )
            except ValidationError as error:
                raise BrokenRule(error.messages[0]) from error
        return cls(terms=tuple(terms), any_of=any_of)

    def dump(self) -> Any:
        parts = [{"what": term.what, "test": term.test, "value": term.text} for term in self.terms]
        return {ANY: parts} if self.any_of else parts

    def among(self, clients: ClientQuerySet, *, known: Known) -> ClientQuerySet:
        """The clients for whom the conditions hold; raises BrokenRule if one cannot be evaluated."""
        if not self.any_of:
            for term in self.terms:
                clients = _by_term(clients, term, known)
            return clients
        # Conditions side by side, not sets of ids: PostgreSQL combines their indexes where few match, and
        # stops at the end of a page where many do.
        return clients & reduce(or_, (_by_term(Client.objects.all(), term, known) for term in self.terms))

    def check(self, *, group: ClientGroup | None, known: Known) -> None:
        """Raise BrokenRule if the rule, once it is this group's, would depend on itself or be nested too
        deep.
        """
        path = (group.pk,) if group and group.pk else ()
        self.among(Client.objects.none(), known=known.within(path))


def conditions(data: Any) -> tuple[Any, bool]:
    """The conditions of a stored rule, whatever they are, and whether one of them is enough."""
    return (data[ANY], True) if isinstance(data, dict) and set(data) == {ANY} else (data, False)


def clients_of(group: ClientGroup, *, known: Known) -> ClientQuerySet:
    """The clients of a group, picked or by rule; raises BrokenRule with the reason."""
    rows = Client.objects.filter(owner_id=group.owner_id)
    if group.rule is None:
        return rows.filter(pk__in=_members(group.pk))
    return _by_rule(rows, group, known)


def members_of(group: ClientGroup) -> ClientQuerySet:
    """The same for a page: nobody if its rule is broken."""
    try:
        return clients_of(group, known=Known(group.owner))
    except BrokenRule:
        return Client.objects.none()


def in_words(group: ClientGroup) -> tuple[list[str], bool]:
    """The conditions of a group's rule as people read them, and whether one is enough; raises BrokenRule."""
    known = Known(group.owner).within((group.pk,))
    rule = Rule.load(group.rule, known=known)
    rule.check(group=group, known=known)
    return [term.says(known) for term in rule.terms], rule.any_of


def _members(group_id: int) -> Any:
    return ClientGroup.clients.through.objects.filter(clientgroup_id=group_id).values("client_id")


def _by_rule(clients: ClientQuerySet, group: ClientGroup, known: Known) -> ClientQuerySet:
    """The clients whom a group's rule chooses."""
    try:
        inner = known.inside(group)
        return Rule.load(group.rule, known=inner).among(clients, known=inner)
    except BrokenRule as error:
        raise BrokenRule(f"“{group.name}”: {error}") from error


def _by_term(clients: ClientQuerySet, term: Term, known: Known) -> ClientQuerySet:
    """The clients for whom one condition holds."""
    return _by_group(clients, term, known) if isinstance(term, GroupTerm) else term.among(clients, known)


def _by_group(clients: ClientQuerySet, term: GroupTerm, known: Known) -> ClientQuerySet:
    group = known.groups[term.value]
    if group.rule is None:
        return term.among(clients, known)
    if term.is_in:
        return _by_rule(clients, group, known)
    return term.not_among(clients, _by_rule(Client.objects.filter(owner_id=group.owner_id), group, known))


def rules_with(owner_id: int, *names: str) -> list[str]:
    """The names of the owner's groups whose rules need one of these: “group:7”, “attribute:city”."""
    groups = ClientGroup.objects.filter(owner=owner_id, rule__isnull=False)
    return [group.name for group in groups if set(names) & _needs(group.rule)]


def _needs(rule: Any) -> set[str]:
    stored, _any_of = conditions(rule)
    parts = [part for part in stored if isinstance(part, dict)] if isinstance(stored, list) else []
    named = {f"{part.get('what')}:{part.get('value')}" for part in parts}
    return named | {str(part.get("what")) for part in parts}
