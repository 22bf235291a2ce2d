"""The pages that an owner with very many rows must not wait for."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

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


def _lists(area: str, base: Callable[[Owned], str], sorts: tuple[str, ...], **queries: str) -> list[Page]:
    def page(name: str, query: Callable[[Owned], str]) -> Page:
        return Page(area=area, name=name, url=lambda owned: f"{base(owned)}?{query(owned)}")

    return [
        page("page 1", lambda _: ""),
        page("a page in the middle", lambda owned: f"page={deep(owned)}"),
        page("last page", lambda _: "page=9999999"),
        *(page(f"by {sort}", lambda _, sort=sort: f"sort={sort}") for sort in sorts),
        *(page(f"by -{sort}", lambda _, sort=sort: f"sort=-{sort}") for sort in sorts),
        page("deep, by -full_name", lambda owned: f"sort=-full_name&page={deep(owned)}"),
        page("rare name", lambda _: f"q={quote(RARE[:11])}"),
        page("rare name, Cyrillic", lambda _: f"q={quote(RARE_CYRILLIC[:9].lower())}"),
        page("frequent name", lambda _: "q=anna"),
        page("two letters", lambda _: "q=an"),
        page("nothing found", lambda _: "q=nobodyhasthisname"),
        page("two letters, nothing found", lambda _: "q=xq"),
        *(page(name, lambda _, query=query: query) for name, query in queries.items()),
    ]


CLIENTS = _lists(
    "clients", lambda _: "/clients/", ("email", "full_name", "suppressed", "created_at"),
    stopped="suppressed=yes", not_stopped="suppressed=no",
    stopped_deep="suppressed=yes&page=300", stopped_and_rare=f"suppressed=no&q={RARE[:7]}",
)  # fmt: skip
MEMBERS = _lists(
    "group", lambda owned: f"/groups/{owned.group.pk}/", ("email", "full_name", "suppressed")
)
DELIVERIES = _lists(
    "deliveries", lambda owned: f"/reports/{owned.attempt.pk}/", ("email", "status"),
    failed="status=failed", skipped="status=skipped", sent="status=sent", twice="possibly_twice=True",
)  # fmt: skip
CHOICES = [
    Page(area="choices", name="groups", url=lambda _: "/groups/"),
    Page(area="choices", name="groups, by size", url=lambda _: "/groups/?sort=-size"),
    Page(area="choices", name="clients of a group", url=lambda owned: f"/clients/?group={owned.group.pk}"),
    Page(area="choices", name="found into a group", url=lambda _: "/clients/to-group/"),
    Page(area="choices", name="own mailings", url=lambda _: "/mailings/"),
    Page(area="choices", name="manager's mailings", who="manager", url=lambda owned: f"/mailings/?owner={owned.owner.email}"),
    Page(area="choices", name="a mailing", url=lambda owned: f"/mailings/{owned.mailing.pk}/"),
    Page(area="choices", name="new mailing from a group", url=lambda owned: f"/mailings/new/?group={owned.group.pk}"),
    Page(area="choices", name="a mailing's form", url=lambda owned: f"/mailings/{owned.mailing.pk}/edit/"),
    Page(area="choices", name="copy of a mailing", url=lambda owned: f"/mailings/{owned.mailing.pk}/copy/"),
    Page(area="choices", name="run now", url=lambda owned: f"/mailings/{owned.mailing.pk}/run/"),
    Page(
        area="choices",
        name="recipients while choosing",
        url=lambda _: "/mailings/recipients/",
        data=lambda owned: {
            "groups": [owned.group.pk],
            "clients": list(owned.mailing.clients.values_list("pk", flat=True)),
        },
    ),
    Page(area="choices", name="start", url=lambda _: "/"),
    Page(area="choices", name="reports", url=lambda _: "/reports/"),
    Page(area="choices", name="home, cold cache", url=lambda _: "/", who="nobody", cold=True),
]
ENDINGS = [
    Page(area="endings", name="delete a mailing?", url=lambda owned: f"/mailings/{owned.attempt.mailing_id}/delete/"),
    Page(area="endings", name="delete a group?", url=lambda owned: f"/groups/{owned.group.pk}/delete/"),
    Page(area="endings", name="delete the account?", url=lambda _: "/accounts/delete/"),
    Page(
        area="endings",
        name="admin: the group",
        who="superuser",
        url=lambda owned: f"/admin/mailer/clientgroup/{owned.group.pk}/change/",
    ),
    Page(area="endings", name="admin: clients", who="superuser", url=lambda _: "/admin/mailer/client/"),
]
PAGES = [*CLIENTS, *MEMBERS, *DELIVERIES, *CHOICES, *ENDINGS]
AREAS = list(dict.fromkeys(page.area for page in PAGES))
