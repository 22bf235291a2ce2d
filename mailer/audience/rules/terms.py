"""What a rule may look at: one kind of condition each."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from mailer.audience.conditions import TESTS, Condition
from mailer.audience.rules.known import Known
from mailer.models import Attempt, Attribute, ClientGroup, Delivery, Suppression
from mailer.models.attribute import read_value, written_value
from mailer.models.client import ClientQuerySet

ATTRIBUTE = "attribute"
LONGEST_TEXT = 200
MOST_DAYS = 3_650
Choices = list[tuple[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Term:
    """One condition. `text`: its value as stored, to be read again."""

    what: ClassVar[str] = ""
    label: ClassVar[str | Promise] = ""
    menu: ClassVar[str | Promise] = ""  # its name in a menu, if different
    tests: ClassVar[dict[str, str | Promise]] = {}
    value_type: ClassVar[str] = "text"  # of the input, if there is nothing to choose from
    test: str
    value: Any = None

    @classmethod
    def read(cls, *, test: str, text: str, known: Known) -> Self:
        """Raise ValidationError if this is no such condition, or names what the owner does not have."""
        if test not in cls.tests:
            raise ValidationError(_("Choose how to compare."))
        if not text.strip():
            raise ValidationError(_("Enter a value to compare with."))
        return cls(test=test, value=cls.read_value(test, text.strip(), known))

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> Any:
        raise NotImplementedError

    @classmethod
    def choices(cls, known: Known) -> Choices:
        """The values to choose from, if they are few."""
        return []

    @property
    def text(self) -> str:
        return str(self.value)

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        raise NotImplementedError

    def shown(self, known: Known) -> str:
        """The value as people read it."""
        return str(dict(self.choices(known)).get(self.text, self.text))

    def says(self, known: Known) -> str:
        """The condition in words."""
        return f"{self.label} {self.tests[self.test]} {_quoted(self.shown(known))}"


@dataclass(frozen=True, kw_only=True)
class AttributeTerm(Term):
    condition: Condition

    tests = dict(TESTS)

    @classmethod
    def of_key(cls, key: str, *, test: str, text: str, known: Known) -> Self:
        kind = known.kinds.get(key)
        if kind is None:
            raise ValidationError(_("There is no attribute “%(key)s” any more."), params={"key": key[:40]})
        if test not in TESTS:
            raise ValidationError(_("Choose how to compare."))
        condition = Condition.read(key=key, kind=kind, test=test, text=text)
        return cls(test=test, value=condition.value, condition=condition)

    @property
    def what(self) -> str:  # type: ignore[override]  # one for each attribute
        return f"{ATTRIBUTE}:{self.condition.key}"

    @property
    def text(self) -> str:
        return written_value(self.value)

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        return self.condition.among(clients)

    def says(self, known: Known) -> str:
        if self.value is None:
            known_at_all = self.tests[self.test] if self.test else _("is known")
            return f"{self.condition.key} {known_at_all}"
        return f"{self.condition.key} {self.tests[self.test]} {_quoted(self.text)}"


@dataclass(frozen=True, kw_only=True)
class GroupTerm(Term):
    what = "group"
    label = gettext_lazy("Group")
    tests: ClassVar[dict[str, str | Promise]] = {"in": gettext_lazy("is"), "not": gettext_lazy("is not")}

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> int:
        pk = _number(text)
        if pk not in known.groups:
            raise ValidationError(_("One of its groups was deleted, or is not yours."))
        return pk

    @classmethod
    def choices(cls, known: Known) -> Choices:
        return [(str(pk), group.name) for pk, group in known.groups.items() if pk not in known.path]

    @property
    def is_in(self) -> bool:
        return self.test == "in"

    def shown(self, known: Known) -> str:
        return known.groups[self.value].name

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        """By the members of a picked group; for a group by rule see Rule.among."""
        members = ClientGroup.clients.through.objects.filter(
            clientgroup_id=self.value, client_id=OuterRef("pk")
        )
        return clients.filter(Exists(members) if self.is_in else ~Exists(members))

    def not_among(self, clients: ClientQuerySet, others: ClientQuerySet) -> ClientQuerySet:
        return clients.filter(~Exists(others.filter(pk=OuterRef("pk"))))


@dataclass(frozen=True, kw_only=True)
class JoinedTerm(Term):
    what = "joined"
    label = gettext_lazy("Added")
    menu = gettext_lazy("Date added")
    value_type = "date"
    tests: ClassVar[dict[str, str | Promise]] = {
        "from": pgettext_lazy("a date", "on or after"),
        "before": pgettext_lazy("a date", "before"),
    }

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> str:
        return str(read_value(Attribute.Kind.DATE, text))

    def shown(self, known: Known) -> str:
        return formats.date_format(date.fromisoformat(self.value))

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        day = datetime.combine(date.fromisoformat(self.value), time(), known.zone)
        return clients.filter(**{"created_at__gte" if self.test == "from" else "created_at__lt": day})


@dataclass(frozen=True, kw_only=True)
class DaysTerm(Term):
    """A number of days that go back from now."""

    value_type = "number"
    tests: ClassVar[dict[str, str | Promise]] = {
        "within": gettext_lazy("in the last (days)"),
        "not": gettext_lazy("not in the last (days)"),
    }

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> int:
        days = _number(text)
        if not 0 < days <= MOST_DAYS:
            raise ValidationError(_("Enter a number of days from 1 to %(most)s."), params={"most": MOST_DAYS})
        return days

    @property
    def since(self) -> datetime:
        return timezone.now() - timedelta(days=self.value)

    def says(self, known: Known) -> str:
        days = ngettext("%(count)s day", "%(count)s days", self.value) % {"count": self.value}
        within = _("in the last %(days)s") if self.test == "within" else _("not in the last %(days)s")
        return f"{self.label} {within % {'days': days}}"


@dataclass(frozen=True, kw_only=True)
class RecentTerm(DaysTerm):
    what = "recent"
    label = gettext_lazy("Added")
    menu = gettext_lazy("Days since added")

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        recent = Q(created_at__gte=self.since)
        return clients.filter(recent if self.test == "within" else ~recent)


@dataclass(frozen=True, kw_only=True)
class MailedTerm(DaysTerm):
    what = "mailed"
    label = gettext_lazy("Got any mail")

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        going_on = Q(finished_at=None) | Q(finished_at__gte=self.since)
        runs = Attempt.objects.filter(going_on, mailing__owner_id=known.owner.pk)
        return _got(clients, runs, self.test == "within", finished_at__gte=self.since)


@dataclass(frozen=True, kw_only=True)
class MailingTerm(Term):
    what = "mailing"
    label = gettext_lazy("Mailing")
    tests: ClassVar[dict[str, str | Promise]] = {
        "got": pgettext_lazy("a mailing", "was sent to them:"),
        "not": pgettext_lazy("a mailing", "was not sent to them:"),
    }

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> int:
        pk = _number(text)
        if known.mailing(pk) is None:
            raise ValidationError(_("One of its mailings was deleted, or is not yours."))
        return pk

    @classmethod
    def choices(cls, known: Known) -> Choices:
        return [(str(pk), name) for pk, name in known.mailings]

    def shown(self, known: Known) -> str:
        return known.mailing(self.value) or self.text

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        return _got(clients, Attempt.objects.filter(mailing=self.value), self.test == "got")


@dataclass(frozen=True, kw_only=True)
class StopTerm(Term):
    what = "stop"
    label = gettext_lazy("Stop-list")
    tests: ClassVar[dict[str, str | Promise]] = {"is": gettext_lazy("is")}

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> str:
        if text not in dict(cls.choices(known)):
            raise ValidationError(_("Choose what to compare with."))
        return text

    @classmethod
    def choices(cls, known: Known) -> Choices:
        return [("no", _("Can be mailed")), ("yes", _("On the stop-list")), *Suppression.Reason.choices]

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        if self.value == "no":
            return clients.mailable()
        return clients.stopped() if self.value == "yes" else clients.stopped(self.value)


@dataclass(frozen=True, kw_only=True)
class TextTerm(Term):
    what = "text"
    label = gettext_lazy("Email or name")
    tests: ClassVar[dict[str, str | Promise]] = {"has": gettext_lazy("contains")}

    @classmethod
    def read_value(cls, test: str, text: str, known: Known) -> str:
        if "\0" in text or len(text) > LONGEST_TEXT:
            raise ValidationError(_("This text cannot be searched for."))
        return text

    def among(self, clients: ClientQuerySet, known: Known) -> ClientQuerySet:
        return clients.search(self.value)


TERMS: dict[str, type[Term]] = {
    term.what: term
    for term in (TextTerm, GroupTerm, JoinedTerm, RecentTerm, MailingTerm, MailedTerm, StopTerm)
}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ValidationError(_("“%(text)s” is not a number."), params={"text": text[:50]})
    return int(text)


def _quoted(text: str) -> str:
    return _("“%(text)s”") % {"text": text}


def _got(clients: ClientQuerySet, runs: Any, got: bool, **more: Any) -> ClientQuerySet:
    """Those to whom one of these runs was sent, or those to whom none was."""
    mails = Delivery.objects.filter(
        client=OuterRef("pk"), attempt__in=runs.order_by().values("pk"), status=Delivery.Status.SENT, **more
    )
    return clients.filter(Exists(mails) if got else ~Exists(mails))
