"""The pages that an owner with very many rows must not wait for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db.models import Max, Min

from bench.lists.data import RARE, RARE_CYRILLIC, Owned


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page, and who looks at it: its owner, a manager or a superuser."""

    area: str
    name: str
    url: Callable[[Owned], str]
    who: str = "owner"
    data: Callable[[Owned], dict[str, object]] | None = None  # posted
    cold: bool = False  # with an empty cache


def deep(owned: Owned) -> int:
    """A page in the middle: number 20,000 of a million."""
    return owned.clients // 50


def _page(area: str, name: str, url: Callable[[Owned], str], **more: Any) -> Page:
    return Page(area=area, name=name, url=url, **more)


def _chosen(owned: Owned) -> dict[str, object]:
    clients = list(owned.mailing.clients.values_list("pk", flat=True))
    return {"groups": [owned.group.pk], "clients": clients}


def _admin_group(owned: Owned) -> str:
    return f"/admin/mailer/clientgroup/{owned.group.pk}/change/"


def _always(query: str) -> Callable[[Owned], str]:
    return lambda _: query


def _lists(area: str, base: Callable[[Owned], str], sorts: tuple[str, ...], **queries: str) -> list[Page]:
    def page(name: str, query: Callable[[Owned], str]) -> Page:
        return Page(area=area, name=name, url=lambda owned: f"{base(owned)}?{query(owned)}")

    return [
        page("page 1", lambda _: ""),
        page("a page in the middle", lambda owned: f"page={deep(owned)}"),
        page("last page", lambda _: "page=9999999"),
        *(page(f"by {sort}", _always(f"sort={sort}")) for sort in sorts),
        *(page(f"by -{sort}", _always(f"sort=-{sort}")) for sort in sorts),
        page("deep, by -full_name", lambda owned: f"sort=-full_name&page={deep(owned)}"),
        page("rare name", lambda _: f"q={quote(RARE[:11])}"),
        page("rare name, Cyrillic", lambda _: f"q={quote(RARE_CYRILLIC[:9].lower())}"),
        page("frequent name", lambda _: "q=anna"),
        page("two letters", lambda _: "q=an"),
        page("nothing found", lambda _: "q=nobodyhasthisname"),
        page("two letters, nothing found", lambda _: "q=xq"),
        *(page(name, _always(query)) for name, query in queries.items()),
    ]


CLIENTS = _lists(
    "clients", lambda _: "/clients/", ("email", "full_name", "suppressed", "created_at"),
    stopped="suppressed=yes", not_stopped="suppressed=no",
    stopped_deep="suppressed=yes&page=300", stopped_and_rare=f"suppressed=no&q={RARE[:7]}",
)  # fmt: skip
MEMBERS = _lists("group", lambda owned: f"/groups/{owned.group.pk}/", ("email", "full_name", "suppressed"))


RULES = [
    _page("rules", "a group by rule", lambda owned: f"/groups/{owned.ruled.pk}/"),
    _page("rules", "its rule", lambda owned: f"/groups/{owned.ruled.pk}/rule/"),
    _page("rules", "filtered by it", lambda owned: f"/clients/?group={owned.ruled.pk}"),
    _page("rules", "one value", _always("/clients/?attribute=city&value=Tver")),
    _page("rules", "a rare value", _always("/clients/?attribute=city&value=Atlantis")),
    _page("rules", "no such value", _always("/clients/?attribute=city&value=Lima")),
    _page("rules", "a range", _always("/clients/?attribute=age&test=from&value=18")),
    _page("rules", "a range of nobody", _always("/clients/?attribute=age&test=from&value=200")),
    _page("rules", "added since", _always("/clients/?added_from=2020-01-01")),
    _page("rules", "added since, nobody", _always("/clients/?added_from=2100-01-01")),
    _page("rules", "got a mailing", lambda owned: f"/clients/?mailing={owned.attempt.mailing_id}"),
    _page(
        "rules", "did not get it", lambda owned: f"/clients/?mailing={owned.attempt.mailing_id}&mailed=not"
    ),
]


def _report(name: str, query: Callable[[Owned], str]) -> Page:
    return Page(
        area="deliveries", name=name, url=lambda owned: f"/reports/{owned.attempt.pk}/?{query(owned)}"
    )


def _middle(owned: Owned) -> int:
    first, last = owned.attempt.deliveries.aggregate(Min("pk"), Max("pk")).values()
    return int(first + last) // 2


def _last_receipt(owned: Owned) -> str:
    last = owned.attempt.deliveries.aggregate(Max("pk"))["pk__max"]
    return f"/reports/{owned.attempt.pk}/mails/{last}/"


DELIVERIES = [
    _report("page 1", lambda _: ""),
    _report("a page in the middle", lambda owned: f"after={_middle(owned)}"),
    _report("last page", lambda _: "last=1"),
    _report("rare name", lambda _: f"q={quote(RARE[:11])}"),
    _report("rare name, Cyrillic", lambda _: f"q={quote(RARE_CYRILLIC[:9].lower())}"),
    _report("frequent name", lambda _: "q=anna"),
    _report("frequent name, last page", lambda _: "q=anna&last=1"),
    _report("two letters", lambda _: "q=an"),
    _report("nothing found", lambda _: "q=nobodyhasthisname"),
    *(
        _report(f"{status}{where}", _always(f"status={status}{key}"))
        for status in ("sent", "failed", "skipped", "queued")
        for where, key in (("", ""), (", last page", "&last=1"))
    ),
    _report("twice", lambda _: "possibly_twice=True"),
    _page("deliveries", "receipt of the last", _last_receipt),
    _page("deliveries", "to whom again?", lambda owned: f"/reports/{owned.attempt.pk}/again/"),
]
REPORTS = [
    _page("reports", "runs", lambda _: "/reports/"),
    _page("reports", "runs, last page", lambda _: "/reports/?page=9999"),
    _page("reports", "runs, by name", lambda _: "/reports/?sort=mailing"),
    _page("reports", "runs of one status", lambda _: "/reports/?state=partly"),
    _page("reports", "charts", lambda _: "/reports/figures/"),
    _page("reports", "charts of a name", lambda _: "/reports/figures/?q=news"),
    _page("reports", "manager's runs", lambda _: "/reports/", who="manager"),
    _page("reports", "manager's charts", lambda _: "/reports/figures/", who="manager"),
    _page("reports", "manager's look at a run", lambda owned: f"/reports/{owned.attempt.pk}/", who="manager"),
]
CHOICES = [
    _page("choices", "groups", lambda _: "/groups/"),
    _page("choices", "groups, by size", lambda _: "/groups/?sort=-size"),
    _page("choices", "clients of a group", lambda owned: f"/clients/?group={owned.group.pk}"),
    _page("choices", "own mailings", lambda _: "/mailings/"),
    _page(
        "choices", "manager's mailings", lambda owned: f"/mailings/?owner={owned.owner.email}", who="manager"
    ),
    _page("choices", "a mailing", lambda owned: f"/mailings/{owned.mailing.pk}/"),
    _page("choices", "new mailing from a group", lambda owned: f"/mailings/new/?group={owned.group.pk}"),
    _page("choices", "a mailing's form", lambda owned: f"/mailings/{owned.mailing.pk}/edit/"),
    _page("choices", "copy of a mailing", lambda owned: f"/mailings/{owned.mailing.pk}/copy/"),
    _page("choices", "run now", lambda owned: f"/mailings/{owned.mailing.pk}/run/"),
    _page("choices", "recipients while choosing", lambda _: "/mailings/recipients/", data=_chosen),
    _page("choices", "start", lambda _: "/"),
    _page("choices", "reports", lambda _: "/reports/"),
    _page("choices", "home, cold cache", lambda _: "/", who="nobody", cold=True),
]
ENDINGS = [
    _page("endings", "delete a mailing?", lambda owned: f"/mailings/{owned.attempt.mailing_id}/delete/"),
    _page("endings", "delete a group?", lambda owned: f"/groups/{owned.group.pk}/delete/"),
    _page("endings", "delete the account?", lambda _: "/accounts/delete/"),
    _page("endings", "admin: the group", _admin_group, who="superuser"),
    _page("endings", "admin: clients", lambda _: "/admin/mailer/client/", who="superuser"),
]
PAGES = [*CLIENTS, *MEMBERS, *RULES, *DELIVERIES, *REPORTS, *CHOICES, *ENDINGS]
AREAS = list(dict.fromkeys(page.area for page in PAGES))
