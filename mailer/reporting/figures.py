"""What the reports add up: totals, charts, answers and domains of the runs that a filter finds.

All of it comes from the attempts' counts; the ledger is never read.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import ExtractHour, TruncDay
from django.utils.translation import gettext

from mailer.models import Attempt, DomainCount, Suppression
from mailer.reporting.answers import TOP, Meaning, meanings_of
from mailer.reporting.charts import Bar, Chart, chart_of
from people.models import User
from site_config.ui.tables import short_day

DAYS = 62  # at most: the latest that had a run
RUNS_READ = 1_000  # of more runs, only the latest ones' answers are shown
LEFT, COMPLAINED = Suppression.Reason.UNSUBSCRIBED, Suppression.Reason.COMPLAINED
FEW = 10  # mails to a domain, below which it could reveal whom somebody else writes to


@dataclass(frozen=True, kw_only=True)
class Totals:
    runs: int
    total: int
    sent: int
    failed: int
    skipped: int
    expired: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    totals: Totals
    days: Chart
    hours: Chart
    mailings: Chart
    domains: Chart
    meanings: list[Meaning]


def totals_of(attempts: QuerySet[Attempt]) -> Totals:
    names = ("total", "sent", "failed", "skipped", "expired")
    added = attempts.order_by().aggregate(runs=Count("pk"), **{f"all_{name}": Sum(name) for name in names})
    return Totals(runs=added["runs"], **{name: added[f"all_{name}"] or 0 for name in names})


def figures_of(attempts: QuerySet[Attempt], *, seen_by: User | None) -> Figures:
    """What some runs add up to; those who oversee others' mails do not learn whom they went to."""
    attempts = attempts.order_by()
    return Figures(
        totals=totals_of(attempts),
        days=_days(attempts),
        hours=_hours(attempts),
        mailings=_mailings(attempts),
        domains=_domains(attempts, seen_by=seen_by),
        meanings=meanings_of(_latest(attempts), seen_by=seen_by),
    )


def _latest(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    rows = attempts.select_related(None).select_related("mailing").only("answers", "mailing__owner")
    return rows.order_by("-scheduled_for", "-pk")[:RUNS_READ]


_ADDED = {"went": Sum("sent"), "refused": Sum(F("failed") + F("expired"))}


def _days(attempts: QuerySet[Attempt]) -> Chart:
    found = attempts.annotate(day=TruncDay("started_at")).values_list("day").annotate(**_ADDED)
    days = sorted(found.order_by("-day")[:DAYS])
    gone = _gone(attempts, since=days[0][0], until=days[-1][0] + timedelta(days=1)) if days else Counter()
    bars = [
        Bar(
            label=short_day(day),
            short=short_day(day),
            sent=sent,
            refused=refused,
            left=gone[day.date(), LEFT],
            complained=gone[day.date(), COMPLAINED],
        )
        for day, sent, refused in days
    ]
    return chart_of(gettext("Latest days with a run"), bars, first=gettext("Day"), shows_left=True)


def _gone(attempts: QuerySet[Attempt], *, since: datetime, until: datetime) -> Counter[Any]:
    """How many people left these runs' owners, or complained, on which day."""
    stops = Suppression.objects.filter(
        reason__in=(LEFT, COMPLAINED),
        created_at__gte=since,
        created_at__lt=until,
        owner__in=attempts.values("mailing__owner"),
    )
    days = stops.annotate(day=TruncDay("created_at")).values_list("day", "reason").annotate(Count("pk"))
    return Counter({(day.date(), reason): number for day, reason, number in days.order_by()})


def _gone_after(attempts: QuerySet[Attempt], mailings: list[int]) -> Counter[Any]:
    """How many left, or complained, because of which of these mailings, where the mail was known."""
    stops = Suppression.objects.filter(
        reason__in=(LEFT, COMPLAINED),
        attempt__in=attempts.filter(mailing__in=mailings).values("pk"),
    )
    found = stops.values_list("attempt__mailing", "reason").annotate(Count("pk")).order_by()
    return Counter({(mailing, reason): number for mailing, reason, number in found})


def _hours(attempts: QuerySet[Attempt]) -> Chart:
    found = attempts.annotate(hour=ExtractHour("started_at")).values_list("hour").annotate(**_ADDED)
    numbers = {hour: (sent, refused) for hour, sent, refused in found}
    bars = [
        Bar(label=f"{hour:02}:00", short=str(hour), sent=sent, refused=refused)
        for hour in range(24)
        for sent, refused in [numbers.get(hour, (0, 0))]
    ]
    return chart_of(gettext("By starting hour"), bars, first=gettext("Hour"))


def _mailings(attempts: QuerySet[Attempt]) -> Chart:
    found = attempts.values_list("mailing", "mailing__name").annotate(**_ADDED, mails=Sum("total"))
    rows = list(found.order_by("-mails", "mailing")[:TOP])
    gone = _gone_after(attempts, [row[0] for row in rows])
    bars = [
        Bar(
            label=name,
            short=name,
            sent=sent,
            refused=refused,
            left=gone[pk, LEFT],
            complained=gone[pk, COMPLAINED],
        )
        for pk, name, sent, refused, _all in rows
    ]
    return chart_of(gettext("By mailing"), bars, first=gettext("Mailing"), shows_left=True)


def _domains(attempts: QuerySet[Attempt], *, seen_by: User | None) -> Chart:
    all_their_own = seen_by and (seen_by.is_superuser or not seen_by.oversees)
    counts = DomainCount.objects.filter(attempt__in=attempts.values("pk")).exclude(domain="")
    found = counts.values_list("domain").annotate(went=Sum("sent"), refused=Sum("failed"), mails=Sum("total"))
    if not all_their_own:
        found = found.filter(mails__gte=FEW)
    rows = found.order_by("-mails", "domain")[:TOP]
    bars = [Bar(label=name, short=name, sent=sent, refused=failed) for name, sent, failed, _all in rows]
    return chart_of(gettext("By recipient domain"), bars, first=gettext("Domain"))
