"""The notifications about mailings and imports; callers pass names and numbers, not models."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from people.account_emails import AccountEmail
from people.models import User
from people.notifying import Notice, notify

HELD, RELEASED = "run_held", "run_released"
FAILED, FINISHED = "run_failed", "mailing_finished"
DISABLED, IMPORTED, DIGEST = "mailing_disabled", "import_done", "digest"
ARCHIVED, DOMAIN_LOST = "archive_ready", "domain_lost"

NOTICES = (
    Notice(
        kind=HELD,
        title=_("A run is on hold"),
        email=AccountEmail(
            subject=_("On hold: %(mailing)s"),
            lines=(
                _("We stopped the run until you look at it. Nobody lost a try."),
                "%(why)s",
            ),
            button=_("View the report"),
        ),
    ),
    Notice(
        kind=RELEASED,
        title=_("A manager released a run from hold"),
        email=AccountEmail(
            subject=_("Released: %(mailing)s"),
            lines=(
                _("%(by)s released the run of your mailing “%(mailing)s” that was on hold. It goes on."),
                _("Reason: %(reason)s"),
            ),
            button=_("View the report"),
        ),
    ),
    Notice(
        kind=FAILED,
        title=_("A run failed"),
        email=AccountEmail(
            subject=_("Not sent: %(mailing)s"),
            lines=(_("No mail was accepted: of %(total)s, %(failed)s failed and %(expired)s expired."),),
            button=_("View the report"),
        ),
    ),
    Notice(
        kind=FINISHED,
        title=_("A mailing has finished"),
        by_mail=False,  # one email for each mailing would be a nuisance
        email=AccountEmail(
            subject=_("Finished: %(mailing)s"),
            lines=(_("The last run sent %(sent)s of %(total)s mails; %(failed)s failed."),),
            button=_("View the report"),
        ),
    ),
    Notice(
        kind=DISABLED,
        title=_("A manager disabled a mailing"),
        email=AccountEmail(
            subject=_("Your mailing was disabled"),
            lines=(
                _("%(by)s disabled your mailing “%(mailing)s”. No more of it will be sent."),
                _("Reason: %(reason)s"),
                _("Only a manager can enable it again. It then continues on schedule."),
            ),
            button=_("View the mailing"),
        ),
    ),
    Notice(
        kind=IMPORTED,
        title=_("An import is done"),
        by_mail=False,  # most people wait for it on its page
        email=AccountEmail(
            subject=_("Import done: %(file)s"),
            lines=("%(outcome)s",),
            button=_("View the import"),
        ),
    ),
    Notice(
        kind=ARCHIVED,
        title=_("Your archive is ready"),
        email=AccountEmail(
            subject=_("Your archive is ready"),
            lines=(_("All that you keep here is in one file. It can be downloaded for seven days."),),
            button=_("Download it"),
        ),
    ),
    Notice(
        kind=DOMAIN_LOST,
        title=_("A domain of yours is no longer verified"),
        email=AccountEmail(
            subject=_("No longer verified: %(domain)s"),
            lines=(
                _("The TXT record that verified %(domain)s has been missing for a day."),
                _("Until it is back, new runs go out from the service's own address."),
            ),
            button=_("View the domain"),
        ),
    ),
    Notice(
        kind=DIGEST,
        title=_("The week in figures, on Mondays"),
        email=AccountEmail(
            subject=_("Your week: %(sent)s mails sent"),
            lines=(_("Runs: %(runs)s. Sent: %(sent)s. Not delivered: %(refused)s. Unsubscribed: %(left)s."),),
            button=_("View the charts"),
        ),
    ),
)


def _each_time(pk: int, since: datetime) -> str:
    """The key of what can happen to one row again: told once each time."""
    return f"{pk}/{since:%Y%m%d%H%M%S}"


def run_held(owner: User, *, attempt_id: int, mailing: str, since: Any, why: str) -> None:
    path = reverse("attempt_detail", args=[attempt_id])
    notify(owner, HELD, key=_each_time(attempt_id, since), path=path, mailing=mailing, why=why)


def run_released(owner: User, *, attempt_id: int, mailing: str, since: Any, by: str, reason: str) -> None:
    path = reverse("attempt_detail", args=[attempt_id])
    key = _each_time(attempt_id, since)
    notify(owner, RELEASED, key=key, path=path, mailing=mailing, by=by, reason=reason)


def run_failed(owner: User, *, attempt_id: int, mailing: str, **counts: int) -> None:
    path = reverse("attempt_detail", args=[attempt_id])
    notify(owner, FAILED, key=str(attempt_id), path=path, mailing=mailing, **counts)


def mailing_finished(owner: User, *, attempt_id: int, mailing: str, **counts: int) -> None:
    path = reverse("attempt_detail", args=[attempt_id])
    notify(owner, FINISHED, key=str(attempt_id), path=path, mailing=mailing, **counts)


def mailing_disabled(owner: User, *, mailing_id: int, mailing: str, since: Any, by: str, reason: str) -> None:
    path, key = reverse("mailing_detail", args=[mailing_id]), _each_time(mailing_id, since)
    notify(owner, DISABLED, key=key, path=path, mailing=mailing, by=by, reason=reason)


def import_done(owner: User, *, import_id: int, file: str, outcome: str) -> None:
    path = reverse("import_detail", args=[import_id])
    notify(owner, IMPORTED, key=str(import_id), path=path, file=file, outcome=outcome)


def archive_ready(owner: User, *, archive_id: int) -> None:
    notify(owner, ARCHIVED, key=str(archive_id), path=reverse("archive"))


def domain_lost(owner: User, *, domain_id: int, domain: str, since: Any) -> None:
    notify(owner, DOMAIN_LOST, key=_each_time(domain_id, since), path=reverse("senders"), domain=domain)


def digest(owner: User, *, week: str, path: str, **figures: int) -> bool:
    return notify(owner, DIGEST, key=week, path=path, **figures)
