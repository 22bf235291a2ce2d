"""People put themselves on a list: they ask, get an email, and confirm.

Everybody gets the same answer, whatever is known about the address. The email repeats nothing that was typed,
and counts against the allowance of the form's owner; until there is room, it waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.audience import tasks
from mailer.audience.membership import add_batch
from mailer.guard import allowance
from mailer.models import (
    Client,
    ClientGroup,
    Consent,
    Forgotten,
    OptOut,
    SubscriptionForm,
    SubscriptionRequest,
    Suppression,
)
from mailer.models.subscribing import new_key
from people.account_emails import AccountEmail, send_account_email
from people.addresses import key_of
from site_config.queue import after_commit

GOOD_FOR = timedelta(days=3)
AGAIN_AFTER = timedelta(minutes=10)  # the same form sent twice is mailed once
AT_ONCE = 200
# Must not be mailed even for this; the others left themselves, and may come back.
FOR_GOOD = (Suppression.Reason.BOUNCED, Suppression.Reason.COMPLAINED, Suppression.Reason.ADDED)

CONFIRM = AccountEmail(
    subject=_("Confirm your subscription"),
    lines=(
        _("Someone, probably you, asked for mail from %(sender)s to this address."),
        _("Confirm this within three days, and you are on the list."),
        _("If this was not you, do nothing: without the button no mail will come."),
    ),
    button=_("Yes, I want this mail"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody entered in a form, validated."""

    email: str
    full_name: str = ""
    attributes: Mapping[str, Any]
    topics: Collection[int] = ()
    agreed_to_ads: bool = False
    address: str | None = None  # the IP address of whoever asks


def ask(*, form: SubscriptionForm, asked: Asked, may_mail: bool = True) -> None:
    """Record a request, and have the confirmation mailed.

    A request that was mailed lately stays as it is, and a later one gets another link, so that nobody
    confirms what somebody else put in its place. `may_mail`: False if the address has had enough mails.
    """
    now = timezone.now()
    contents = _contents(form, asked, now)
    stops = Suppression.objects.matching_address(asked.email, form.owner_id)
    if not may_mail or stops.filter(reason__in=FOR_GOOD).exists():
        contents["mailed_at"] = now
    with transaction.atomic():
        row, new = SubscriptionRequest.objects.get_or_create(
            form=form, address_key=key_of(asked.email), defaults=contents
        )
        if not new:
            row = SubscriptionRequest.objects.select_for_update().get(pk=row.pk)
            if row.mailed_at and row.mailed_at > now - AGAIN_AFTER:
                return
            SubscriptionRequest.objects.filter(pk=row.pk).update(**contents, key=new_key())
        after_commit(tasks.mail_requests)


def _contents(form: SubscriptionForm, asked: Asked, now: datetime) -> dict[str, Any]:
    return {
        "email": asked.email,
        "full_name": asked.full_name,
        "attributes": dict(asked.attributes),
        "topics": sorted(asked.topics),
        "agreed_to_ads": asked.agreed_to_ads,
        "wording_version": form.wording_version,
        "data_wording": form.data_wording,
        "ads_wording": form.ads_wording,
        "network": shortened(asked.address),
        "asked_at": now,
        "mailed_at": None,
        "confirmed_at": None,
    }


def shortened(address: str | None) -> str:
    """An address's network, as proof that does not name a household."""
    return _network(address, 24, 48)


def household(address: str | None) -> str:
    """What one subscriber has: an IPv4 address, or an IPv6 network."""
    return _network(address, 32, 64)


def _network(address: str | None, bits_4: int, bits_6: int) -> str:
    try:
        bits = bits_4 if ip_address(address or "").version == 4 else bits_6
        return str(ip_network(f"{address}/{bits}", strict=False))
    except ValueError:
        return ""


def mail_requests() -> int:
    """Mail those who asked, as far as the owners' allowances go; return how many."""
    waiting = SubscriptionRequest.objects.filter(mailed_at=None, confirmed_at=None)
    mailed, full = 0, set[int]()
    for row in waiting.select_related("form__owner").order_by("pk")[:AT_ONCE]:
        owner = row.form.owner
        if owner.pk in full or not row.form.may_be_used:
            continue
        with transaction.atomic():
            if not allowance.take_one(owner, now=timezone.now()):
                full.add(owner.pk)
                continue
            if not waiting.filter(pk=row.pk).update(mailed_at=timezone.now()):
                transaction.set_rollback(True)  # another worker's
                continue
            link = f"{settings.SITE_URL}{reverse('join_confirm', args=[row.key])}"
            sender = owner.get_short_name()
            send_account_email(CONFIRM, to=row.email, language=row.form.language, link=link, sender=sender)
            mailed += 1
    return mailed


def find_request(key: str) -> SubscriptionRequest | None:
    """The request that a link belongs to, while it is valid."""
    rows = SubscriptionRequest.objects.select_related("form__owner")
    return rows.filter(key=key, asked_at__gt=timezone.now() - GOOD_FOR).first()


def confirm(key: str) -> Client | None:
    """Put the person who confirms on the list; None if the link is not valid. Repeating changes nothing."""
    with transaction.atomic():
        found = find_request(key)
        if found is None or not found.form.may_be_used:
            return None
        row = SubscriptionRequest.objects.select_for_update().get(pk=found.pk)
        row.form = found.form
        client, new = Client.objects.get_or_create(
            owner=row.form.owner,
            address_key=row.address_key,
            defaults={"email": row.email, "full_name": row.full_name, "attributes": row.attributes},
        )
        if row.confirmed_at:
            return client
        if not new:
            client.full_name = client.full_name or row.full_name
            client.attributes = {**row.attributes, **client.attributes}
            client.save(update_fields=["full_name", "attributes"])
        now = timezone.now()
        SubscriptionRequest.objects.filter(pk=row.pk).update(confirmed_at=now)
        _take_back(row)
        _join(client, row)
        _note_consent(client, row, confirmed_at=now)
    return client


def _take_back(row: SubscriptionRequest) -> None:
    """Lift what they asked for earlier, to be left alone or forgotten."""
    owner_id = row.form.owner_id
    stops = Suppression.objects.matching_address(row.email, owner_id)
    stops.filter(reason__in=Suppression.BY_RECIPIENT).delete()
    Forgotten.objects.matching_address(row.email, owner_id).exclude(done_at=None).delete()


def _join(client: Client, row: SubscriptionRequest) -> None:
    form = row.form
    topics = form.topics.topics().filter(pk__in=row.topics)
    for group in [*form.groups.picked().order_by("pk"), *topics]:
        OptOut.objects.filter(group=group, address_key=row.address_key).delete()
        add_batch(group=group, clients=[client])


def _note_consent(client: Client, row: SubscriptionRequest, *, confirmed_at: datetime) -> None:
    wordings = [(Consent.Kind.DATA, row.data_wording)]
    if row.agreed_to_ads:
        wordings.append((Consent.Kind.ADS, row.ads_wording))
    Consent.objects.bulk_create(
        Consent(
            client=client,
            kind=kind,
            wording=wording,
            wording_version=row.wording_version,
            form=row.form,
            source=row.form.name,
            network=row.network,
            given_at=row.asked_at,
            confirmed_at=confirmed_at,
        )
        for kind, wording in wordings
    )


def set_topics(*, owner_id: int, email: str, client: Client | None, wanted: Collection[int]) -> None:
    """Join the chosen topics of a sender, and leave the others."""
    for group in ClientGroup.objects.filter(owner=owner_id).topics():
        if group.pk in wanted:
            OptOut.objects.filter(group=group, address_key=key_of(email)).delete()
            if client:
                add_batch(group=group, clients=[client])
        elif client and group.clients.filter(pk=client.pk).exists():
            group.clients.remove(client)
            OptOut.objects.get_or_create(
                group=group, address_key=key_of(email), defaults={"owner_id": owner_id, "email": email}
            )


def save_form(form: SubscriptionForm) -> SubscriptionForm:
    """Save a form; a changed wording gets a new number."""
    before = SubscriptionForm.objects.filter(pk=form.pk).values_list("data_wording", "ads_wording").first()
    if before and before != (form.data_wording, form.ads_wording):
        form.wording_version += 1
    form.save()
    return form


def forget_requests() -> int:
    """Delete requests that are no longer valid."""
    return SubscriptionRequest.objects.filter(asked_at__lte=timezone.now() - GOOD_FOR).delete()[0]
