"""States and moments as people read them."""

from datetime import datetime
from functools import partial

from django import template
from django.utils import formats
from django.utils.translation import get_language, gettext, ngettext

from mailer.models import Attempt, Delivery, Mailing, Suppression
from mailer.models.attribute import shown_value
from mailer.reporting import answers
from mailer.sending.holding import SETTINGS, resumes_at
from mailer.tables import states
from mailer.tables.states import ATTEMPT_KINDS, DELIVERY_KINDS
from mailer.transport.refusals import KNOWN, Explanation
from people.models import User
from site_config.ui import tables

register = template.Library()
register.filter("moment", tables.moment)
register.filter("when", tables.shown_moment)
register.filter("value_shown", partial(shown_value, ""))
register.filter("countdown", tables.countdown)


@register.filter
def in_zone_of(value: datetime, mailing: Mailing) -> str:
    """A moment in a mailing's own time zone, not the reader's."""
    return formats.date_format(value.astimezone(mailing.zone), str(tables.MOMENT))


@register.filter
def lasting(seconds: float) -> str:
    """A number of seconds as people say it: the largest unit and the one below."""
    parts: list[str] = []
    rest = max(int(seconds), 0)
    for size, unit in ((86_400, _days), (3_600, _hours), (60, _minutes), (1, _seconds)):
        number, rest = divmod(rest, size)
        if number or (parts and len(parts) < 2):
            parts.append(unit(number))
        if len(parts) == 2:
            break
    return " ".join(parts) if parts else gettext("less than a second")


def _days(number: int) -> str:
    return ngettext("%(count)s day", "%(count)s days", number) % {"count": number}


def _hours(number: int) -> str:
    return gettext("%(count)s h") % {"count": number}


def _minutes(number: int) -> str:
    return gettext("%(count)s min") % {"count": number}


def _seconds(number: int) -> str:
    return gettext("%(count)s s") % {"count": number}


@register.filter
def answers_for(attempt: Attempt, user: User | None) -> list[tuple[int, str]]:
    """The server's answers; without addresses unless this user may see them."""
    return answers.answers_for(attempt, user or None)


@register.filter
def problem_for(attempt: Attempt, user: User | None) -> str:
    return answers.problem_for(attempt, user or None)


@register.filter
def shows_addresses_to(attempt: Attempt, user: User | None) -> bool:
    return attempt.shows_addresses_to(user or None)


@register.filter
def explained(attempt: Attempt) -> Explanation | None:
    """The meaning and remedy of the answer that keeps a run from going on; None if unknown."""
    return KNOWN.texts.get((attempt.problem_code, (get_language() or "en")[:2]))


@register.filter
def held_by_settings(attempt: Attempt) -> bool:
    """Whether a run is held because of this service's own settings, and not refused."""
    return attempt.problem_code in SETTINGS


@register.filter
def rests_until(attempt: Attempt) -> datetime | None:
    """Until when a run waits, if it does."""
    return resumes_at(attempt.pk)


@register.simple_tag
def mailing_badge(mailing: Mailing, running: Attempt | None = None) -> str:
    return states.mailing_badge(mailing, running=running)


@register.simple_tag
def delivery_badge(delivery: Delivery) -> str:
    return tables.badge(DELIVERY_KINDS.get(delivery.status, "idle"), delivery.get_status_display())


@register.simple_tag
def stop_badge(reason: str) -> str:
    return tables.badge("bad", Suppression.Reason(reason).label)


@register.simple_tag
def attempt_badge(attempt: Attempt) -> str:
    state = Attempt.State(attempt.state)
    return tables.badge(ATTEMPT_KINDS.get(state, "idle"), state.label)
