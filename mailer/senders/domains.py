"""A user's own domain in From: verified by a TXT record, and checked again as long as it is used."""

import logging
from datetime import datetime, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mailer import notices, tasks
from mailer.checking.aside import Aside
from mailer.checking.sender import check_domain
from mailer.models import SenderDomain
from mailer.models.sender import MOST_DOMAINS, DomainState
from people.addresses import parse
from people.models import User
from site_config import connections
from site_config.dns import DnsAway, text_records
from site_config.queue import after_commit

AGAIN = timedelta(hours=6)  # how often all are checked
PATIENCE = timedelta(days=1)  # for a missing record: people edit DNS
UNPROVED = timedelta(days=7)  # after which a record is no longer expected
AT_ONCE = 200
LOST_TASK = timedelta(minutes=2)

log = logging.getLogger(__name__)
_requested, _rounds = Aside(), Aside(waiting=1)


def spelled(text: str) -> str:
    """A domain in letters, digits and hyphens; raises ValidationError if it cannot be verified."""
    try:
        domain = parse(f"x@{text.strip().rstrip('.')}").ascii_domain
    except ValidationError as error:
        raise ValidationError(_("This is not a domain name."), code="invalid") from error
    if "." not in domain:
        raise ValidationError(_("This is not a domain name."), code="invalid")
    if any(
        domain == ours or domain.endswith(f".{ours}") or ours.endswith(f".{domain}") for ours in _reserved()
    ):
        raise ValidationError(_("This domain belongs to the service itself."), code="reserved")
    return domain


def _reserved() -> set[str]:
    """The domains of the service's own mail and pages."""
    senders = (settings.DEFAULT_FROM_EMAIL, settings.ACCOUNT_FROM_EMAIL)
    domains = {parseaddr(sender)[1].rpartition("@")[2].lower() for sender in senders}
    return domains | {urlsplit(settings.SITE_URL).hostname or ""} - {""}


def check_room(owner: User) -> None:
    """Raise ValidationError if a user has as many domains as one may have."""
    if SenderDomain.objects.owned_by(owner).count() >= MOST_DOMAINS:
        raise ValidationError(
            _("You have %(number)s domains: delete one first."), params={"number": MOST_DOMAINS}
        )


def request(row: SenderDomain) -> None:
    """Have a domain's record looked up in the background."""
    SenderDomain.objects.filter(pk=row.pk).update(requested_at=timezone.now())
    after_commit(lambda: tasks.check_sender_domain(row.pk))


def is_under_way(row: SenderDomain) -> bool:
    """Whether a requested answer may still come."""
    asked = row.requested_at
    if asked is None or (row.checked_at and row.checked_at >= asked):
        return False
    return timezone.now() - asked < LOST_TASK


def look_up_aside(pk: int) -> None:
    """Look it up where a slow resolver holds up nothing else."""
    _requested.run(look_up, pk)


def look_up(pk: int) -> None:
    """Look up a domain's record, and record what that means for it."""
    row = SenderDomain.objects.select_related("owner").filter(pk=pk).first()
    if row is None:
        return
    now = timezone.now()
    rows = SenderDomain.objects.filter(pk=pk, token=row.token)
    connections.release()  # for as long as the resolver takes
    try:
        there = row.record_value in text_records(row.record_name)
    except DnsAway:  # which says nothing about the record
        rows.update(checked_at=now, no_answer=True)
        return
    known = {"checked_at": now, "no_answer": False, "observations": check_domain(row.domain)}
    if there:
        rows.update(**known, state=DomainState.PROVED, missing_since=None)
        return
    rows.filter(missing_since=None).update(missing_since=now)
    rows.update(**known)
    _lose(row, now=now)


def _lose(row: SenderDomain, *, now: datetime) -> None:
    """A verified domain whose record is gone for long counts no more, and its owner is told."""
    rows = SenderDomain.objects.filter(pk=row.pk, token=row.token, state=DomainState.PROVED)
    with transaction.atomic():
        if rows.filter(missing_since__lte=now - PATIENCE).update(state=DomainState.LOST):
            notices.domain_lost(row.owner, domain_id=row.pk, domain=row.domain, since=now)


def look_again_aside() -> None:
    """The hourly round, unless the last one is still under way."""
    _rounds.run(look_again)


def look_again() -> None:
    """Look up those that were not checked for long, each for itself."""
    now = timezone.now()
    given_up = Q(state=DomainState.PENDING, created_at__lt=now - UNPROVED)
    due = SenderDomain.objects.exclude(given_up).filter(Q(checked_at=None) | Q(checked_at__lt=now - AGAIN))
    for pk in due.order_by(F("checked_at").asc(nulls_first=True)).values_list("pk", flat=True)[:AT_ONCE]:
        try:
            look_up(pk)
        except Exception:  # one domain's trouble is never another's
            log.exception("a sender's domain could not be looked up")
