"""Several imports of the same clients at the same time."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from mailer.audience.importing import import_clients
from mailer.models import Client, ClientGroup, Suppression


@pytest.mark.django_db(transaction=True)
def test_imports_that_meet_make_each_client_once(owner, monkeypatch):
    monkeypatch.setattr("mailer.audience.importing.BATCH", 50)
    group = ClientGroup.objects.create(owner=owner, name="Fair")
    numbers = list(range(400))

    def take(order):
        rows = "".join(f"c{n}@example.org,N,{'unsubscribed' if n % 50 == 7 else ''}\n" for n in order)
        try:
            return import_clients(
                io.BytesIO(f"email,name,status\n{rows}".encode()), owner=owner, group=group.name
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(take, (numbers, numbers[::-1], numbers[200:] + numbers[:200])))
    assert Client.objects.count() == group.clients.count() == 392
    assert Suppression.objects.count() == 8
    assert sum(imported.created for imported in done) == 392
    assert [imported.lines for imported in done] == [400] * 3
