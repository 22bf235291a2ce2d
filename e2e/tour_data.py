"""What the demo data lack for every page to show something. Runs inside Django: see Stack.tour_data()."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.core import signing
from django.core.mail import send_mail
from django.utils import timezone

from mailer.audience.importing.uploads import keep
from mailer.composing.picture_files import keep_picture
from mailer.composing.unsubscribe_links import token_for
from mailer.models import (
    Attempt,
    Attribute,
    BulkAction,
    Client,
    ClientGroup,
    ClientImport,
    Mailing,
    Message,
    OptOut,
    ReplyAddress,
    SenderDomain,
    SubscriptionForm,
    Suppression,
)
from mailer.senders.replies import SALT
from people.addresses import key_of
from people.models import User
from testing.factories import AttemptFactory, MailingFactory, MessageFactory, UserFactory

HILLS = Path(__file__).resolve().parent.parent / "static" / "img" / "messages" / "news.jpg"


def print_addresses(language: str, email: str) -> None:
    """Make what is missing for this owner, and print the parts of addresses that only now are known."""
    owner = User.objects.get(email=email)
    send_mail("A letter", "Dear reader", None, [email], html_message="<p>Dear reader</p>")
    print(json.dumps({**_of_clients(owner, language), **_of_recipients(owner, language)}))


def fill_columns(email: str, password: str) -> None:
    """An owner's mailings and runs whose rows are as wide as rows get: large, stuck and soon due."""
    owner = UserFactory(email=email, password=password, name="Wilhelmina Westerweller", language="en")
    EmailAddress.objects.create(user=owner, email=email, verified=True, primary=True)
    now = timezone.now()
    message = MessageFactory(owner=owner, subject="W" * 100)
    held = {"held_at": now, "problem": "550 5.7.1 No"}
    away = {"resumes_at": now + timedelta(hours=5), "problem": "421 4.3.2 Later"}
    waits = {"resumes_at": now + timedelta(hours=5), "problem_code": Attempt.ALLOWANCE}
    ended: dict[str, Any] = {
        "status": "partly", "finished_at": now, "sent": 7_000_000, "failed": 999_999, "skipped": 999_999,
        "expired": 999_999, "answers": {f"550 5.7.26 {'refused ' * 20}": 999_999},
    }  # fmt: skip
    for period in Mailing.Period.values:
        for state in (held, away, waits, {}, ended):
            mailing = MailingFactory(
                message=message, period=period, status="running", next_run_at=now + timedelta(minutes=59)
            )
            AttemptFactory(
                **{"mailing": mailing, "total": 9_999_999, "sent": 9_000_000, "status": "running",
                   "finished_at": None, "scheduled_for": now, **state}
            )  # fmt: skip


def _of_clients(owner: User, language: str) -> dict[str, str]:
    lines = b"email,name\nreader@example.org,Rita\nnobody,Nick\n"
    done = ClientImport.objects.create(
        owner=owner, file_name="done.csv", status=ClientImport.Status.FINISHED, created=2
    )
    form = SubscriptionForm.objects.create(
        owner=owner, name="Web", title="News", language=language, data_wording="I agree.", ads_wording="Yes."
    )
    form.groups.set(ClientGroup.objects.owned_by(owner).picked()[:1])
    bulk = BulkAction.objects.create(
        owner=owner, kind=BulkAction.Kind.STOP, status=BulkAction.Status.FINISHED, total=2, done=2, changed=2
    )
    with HILLS.open("rb") as file:
        picture = keep_picture(owner=owner, upload=file, name="Hills")
    rule = ClientGroup.objects.create(owner=owner, name="By a rule", rule=[])
    attribute, _new = Attribute.objects.get_or_create(owner=owner, key="a_long_name_of_an_attribute")
    SenderDomain.objects.create(owner=owner, domain=f"{language}.example.org")
    return {
        "import": str(keep(owner=owner, pieces=[lines], name="draft.csv").pk),
        "import_done": str(done.pk),
        "form": str(form.pk),
        "slug": form.slug,
        "bulk": str(bulk.pk),
        "picture": str(picture.pk),
        "rule": str(rule.pk),
        "attribute": str(attribute.pk),
    }


def _of_recipients(owner: User, language: str) -> dict[str, str]:
    stayed, left = (f"{name}.{language}@example.org" for name in ("stayed", "left"))
    for address in (stayed, left):
        Client.objects.create(owner=owner, email=address, address_key=key_of(address))
    Suppression.objects.create(
        owner=owner, email=left, address_key=key_of(left), reason=Suppression.Reason.UNSUBSCRIBED
    )
    mailing = Mailing.objects.owned_by(owner)[0]
    opt_out = OptOut.objects.create(owner=owner, email=left, address_key=key_of(left), mailing=mailing)
    message = Message.objects.owned_by(owner).exclude(body="")[0]
    reply = ReplyAddress.objects.create(owner=owner, email=stayed, address_key=key_of(stayed))
    return {
        "unsubscribe": token_for(owner_id=owner.pk, email=stayed, mailing_id=mailing.pk),
        "unsubscribed": token_for(owner_id=owner.pk, email=left, mailing_id=mailing.pk),
        "opt_out": str(opt_out.pk),
        "message": str(message.pk),
        "mailing": str(mailing.pk),
        "user": str(owner.pk),
        "reply": signing.dumps([reply.pk, reply.email], salt=SALT),
        "reset": f"{user_pk_to_url_str(owner)}-{default_token_generator.make_token(owner)}",
    }
