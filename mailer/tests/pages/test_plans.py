"""PostgreSQL reads the lists of a large owner by their indexes: no page reads all clients or deliveries.

`python -m bench.lists` measures the same pages with a million clients.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.lists import data, pages
from site_config.ui import counting
from testing.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.services]
CLIENTS = 60_000  # fewer would be read in one go, and rightly so
LARGE = {"mailer_client", "mailer_delivery", "mailer_clientgroup_clients"}
COUNTED = 1_000  # instead of ten thousand
MOST = CLIENTS // 3  # rows that one part of a statement may read
# Not those whose names are in the order of no index: many clients of the stop-list.
SORTED = {"stopped", "stopped_deep"}
# Nor those that ask all clients and find nobody: docs/scale.md.
ASKS_ALL = {"a range of nobody", "did not get it"}
LOOKED_AT = [
    page
    for page in (*pages.CLIENTS, *pages.MEMBERS, *pages.RULES, *pages.DELIVERIES, *pages.CHOICES)
    if page.who == "owner" and page.name not in SORTED | ASKS_ALL
]


@pytest.fixture(scope="module")
def owned(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        owner = UserFactory(email="large@example.com")
        try:
            made = data.build(owner, clients=CLIENTS, ledgers=2)
            data.build(UserFactory(email="other@example.com"), clients=1_000)
            data.analyse()
            yield made
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE people_user, mailer_client, mailer_delivery CASCADE")


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.setattr(counting, "LIMIT", COUNTED)
    for module in ("mailer.audience", "mailer.models.delivery"):
        monkeypatch.setattr(f"{module}.LIMIT", COUNTED)


def rows_read(query):
    """How many rows of a large table one part of a statement reads."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
        (found,) = cursor.fetchone()
    scans = [node for node in _nodes(found[0]["Plan"]) if node.get("Relation Name") in LARGE]
    return max((_read(node) for node in scans), default=0)


def _nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _read(node):
    passed_over = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return (node["Actual Rows"] + passed_over) * node["Actual Loops"]


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: f"{page.area}: {page.name}")
def test_no_list_reads_all_clients_or_deliveries(page, limit, owned, client_of):
    browser = client_of(owned.owner)
    url, posted = page.url(owned), page.data(owned) if page.data else None
    with CaptureQueriesContext(connection) as captured:
        answer = browser.post(url, posted) if posted else browser.get(url)
    assert answer.status_code == 200
    statements = [query for query in captured if query["sql"].startswith("SELECT")]
    assert max(rows_read(query) for query in statements) <= MOST
