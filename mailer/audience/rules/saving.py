"""Saves a rule under a name."""

from django.db import transaction

from mailer.audience.rules import Rule
from mailer.models import ClientGroup, Mailing


def save_group(*, group: ClientGroup, rule: Rule) -> ClientGroup:
    """Save a group by rule; mailings that a broken rule held up are tried again at once."""
    with transaction.atomic():
        group.rule = rule.dump()
        group.save()
        held_up = Mailing.objects.filter(owner=group.owner_id).exclude(opening_retry_at=None)
        held_up.update(opening_retry_at=None)
    return group
