"""Forget a person: one owner's rows lose all that names them, counts stay, and a hash keeps them out.

The request stops mail to them and records what is to be done. The consumer erases in short transactions and
may start again at any time: what is already erased is not found again. It runs once more after what was under
way (a mail in hand, an import) has ended, because that may have written the address again.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailer.composing.unsubscribe_links import suppress
from mailer.models import (
    Attempt,
    Client,
    ClientImport,
    Delivery,
    Forgotten,
    OptOut,
    SubscriptionRequest,
    Suppression,
)
from mailer.models.leaving import digests
from mailer.returns import tasks
from mailer.returns.erasing import erase_texts, without
from people.addresses import key_of
from people.audit import record
from people.models import AuditEntry, User
from site_config import connections
from site_config.queue import after_commit
from site_config.shutdown import STOPPING

LEASE = timedelta(minutes=5)  # without a sign of life, another worker goes on
BATCH = 500  # deliveries per transaction
NAMING = ("client", "email", "full_name", "address_key", "attributes", "response")


def forget(*, owner: User, email: str, by_recipient: bool = False) -> bool:
    """Have everything erased that names this address; False if that was asked for before."""
    digest = digests(owner.pk, key_of(email))[0]
    if Forgotten.objects.matching_address(email, owner.pk).exists():
        return False
    try:
        with transaction.atomic():
            # From now on, until the address is gone, nothing waiting in a run is sent to it.
            suppress(owner_id=owner.pk, email=email, reason=Suppression.Reason.UNSUBSCRIBED)
            row = Forgotten.objects.create(owner=owner, digest=digest, email=email, by_recipient=by_recipient)
            if not by_recipient:
                record(actor=owner, action=AuditEntry.Action.CLIENT_FORGOTTEN, target=row)
            after_commit(lambda: tasks.erase(row.pk))
    except IntegrityError:  # the same click twice at once
        return False
    return True


def erase(forgotten_id: int) -> None:
    """Erase what there is; the address itself goes last, once nothing can bring it back."""
    row = _claim(forgotten_id)
    if row is None:
        return
    mine = Forgotten.objects.filter(pk=row.pk)
    key = key_of(row.email)
    for _step in _deliveries(row.owner, key):
        connections.release()
        if STOPPING.is_set():
            mine.update(alive_at=None)
            return
        mine.update(alive_at=timezone.now())
    under_way = _under_way(row.owner, key)
    Client.objects.filter(owner=row.owner, address_key=key).delete()
    erase_texts(owner=row.owner, email=row.email)
    if under_way:
        mine.update(alive_at=None)
        return
    with transaction.atomic():
        SubscriptionRequest.objects.filter(form__owner=row.owner, address_key=key).delete()
        OptOut.objects.filter(owner=row.owner, address_key=key).delete()
        Suppression.objects.filter(owner=row.owner, address_key=key).delete()
        mine.update(email="", done_at=timezone.now())


def _claim(forgotten_id: int) -> Forgotten | None:
    """The next request to work on, if no other worker has it."""
    now = timezone.now()
    silent = Q(alive_at=None) | Q(alive_at__lt=now - LEASE)
    if not Forgotten.objects.filter(silent, pk=forgotten_id, done_at=None).update(alive_at=now):
        return None
    return Forgotten.objects.select_related("owner").filter(pk=forgotten_id).first()


def erase_left_over() -> None:
    """Queue what has begun and not ended."""
    for pk in Forgotten.objects.filter(done_at=None).order_by("pk").values_list("pk", flat=True):
        tasks.erase(pk)


def _under_way(owner: User, key: str) -> bool:
    """Whether something may still write the address: an import, or a worker with a mail in hand."""
    if ClientImport.objects.owned_by(owner).alive().exists():
        return True
    runs = Attempt.objects.running().filter(mailing__owner=owner)
    in_hand = Delivery.objects.filter(attempt__in=list(runs.values_list("pk", flat=True)))
    return in_hand.filter(_of_address(key), status=Delivery.Status.SENDING).exists()


def _deliveries(owner: User, key: str) -> Iterator[int]:
    """Empty their deliveries in batches: by the client, then by the address in each run."""
    client = Client.objects.filter(owner=owner, address_key=key).first()
    if client:
        yield from _emptied(Delivery.objects.filter(client=client))
    for attempt_id in Attempt.objects.owned_by(owner).order_by("pk").values_list("pk", flat=True):
        yield from _emptied(Delivery.objects.filter(_of_address(key), attempt_id=attempt_id))
        yield 0  # a run without them takes time as well


def _of_address(key: str) -> Q:
    return Q(address_key=key) | Q(address_key=None, email=key)


def _emptied(rows: QuerySet[Delivery]) -> Iterator[int]:
    """Empty rows of the ledger; without a client, waiting ones are skipped when they are due."""
    named = rows.exclude(email="").order_by("pk")
    while True:
        with transaction.atomic():
            # Those that a worker has in hand wait for its result, which may name the address.
            batch = list(
                named.exclude(status=Delivery.Status.SENDING)
                .select_for_update(of=("self",))
                .only("pk", "email", "response")[:BATCH]
            )
            for row in batch:
                if row.response:
                    row.response = without(row.response, row.email)
                row.email = row.full_name = ""
                row.client = row.address_key = row.attributes = None
            Delivery.objects.bulk_update(batch, NAMING, batch_size=100)
        if not batch:
            return
        yield len(batch)
