"""Fixtures of the tests that ask every URL."""

from typing import Any

import pytest
from django.utils import timezone

from content.feeds import SITEMAPS
from mailer.composing.unsubscribe_links import token_for
from mailer.models import (
    Archive,
    Attachment,
    Attribute,
    BulkAction,
    ClientGroup,
    ClientImport,
    OptOut,
    Picture,
    ReplyAddress,
    SenderDomain,
    SubscriptionForm,
    Suppression,
)
from testing.articles import ArticleFactory
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory


@pytest.fixture
def arguments(owner):
    """What stands in the address of each URL that has something of a row in it."""
    client = ClientFactory(owner=owner)
    group = ClientGroup.objects.create(owner=owner, name="Readers")
    group.clients.add(client)
    rule = [{"what": "stop", "test": "is", "value": "no"}]
    ruled = ClientGroup.objects.create(owner=owner, name="Can be mailed", rule=rule)
    mailing = MailingFactory(message__owner=owner)
    attempt = AttemptFactory(mailing=mailing)
    receipt = {"pk": attempt.pk, "delivery": DeliveryFactory(attempt=attempt, client=client).pk}
    article = ArticleFactory()
    form = SubscriptionForm.objects.create(owner=owner, name="Site", title="News", language="en")
    pk = {
        "archive": Archive.objects.create(owner=owner, status="ready", finished_at=timezone.now()).pk,
        "client": client.pk,
        "import": ClientImport.objects.create(owner=owner, file_name="x.csv", status="finished").pk,
        "stop": Suppression.objects.create(owner=owner, email="left@example.org", reason="bounced").pk,
        "optout": OptOut.objects.create(owner=owner, email="left@example.org", mailing=mailing).pk,
        "subscription": form.pk,
        "group": group.pk,
        "bulk": BulkAction.objects.create(owner=owner, kind="stop").pk,
        "attribute": Attribute.objects.create(owner=owner, key="city").pk,
        "message": mailing.message_id,
        "mailing": mailing.pk,
        "draft": mailing.message_id,
        "picture": Picture.objects.create(owner=owner, name="x", file="x", width=1, height=1, size=1).pk,
        "attachment": Attachment.objects.create(message=mailing.message, size=1, digest="x").pk,
        "sender": SenderDomain.objects.create(owner=owner, domain="acme.test").pk,
        "reply": ReplyAddress.objects.create(owner=owner, email="replies@acme.test").pk,
        "attempt": attempt.pk,
        "user": owner.pk,
    }

    joining = {"slug": form.slug}
    way_out = {"token": token_for(owner_id=owner.pk, email="a@example.org")}

    def of(name: str) -> dict[str, Any]:
        fixed: dict[str, dict[str, Any]] = {
            "group_rule_edit": {"pk": ruled.pk},
            "group_remove": {"pk": group.pk, "client": client.pk},
            "message_public": {"key": "none"},
            "reply_confirm": {"token": "made-up"},
            "mail_view": {"token": "1-none"},
            "mail_view_bare": {"token": "1-none"},
            **dict.fromkeys(("receipt", "receipt_html", "receipt_mail"), receipt),
            **dict.fromkeys(
                (
                    "unsubscribe",
                    "unsubscribe_bare",
                    "unsubscribe_why",
                    "unsubscribe_data",
                    "unsubscribe_forget",
                ),
                way_out,
            ),
            **dict.fromkeys(("join", "join_embed", "join_sent", "join_embed_sent"), joining),
            "join_confirm": {"key": "made-up"},
            "account_confirm_email": {"key": "made-up"},
            "account_reset_password_from_key": {"uidb36": "1", "key": "made-up"},
            "article": {"slug": article.slug},
            "blog_rss": {"language": "en"},
            "blog_atom": {"language": "en"},
            "sitemap_part": {"section": next(iter(SITEMAPS))},
            "media": {"path": "x"},
            "message_picture": {"name": "x"},
            "outbox_mail": {"key": "x"},
            "outbox_html": {"key": "x"},
        }
        return fixed.get(name) or {"pk": pk.get(name.partition("_")[0], 0)}

    return of
