from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message
from people.models import User

PASSWORD = "a-good-password-42"


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user{n}@example.com")
    time_zone = "Europe/Moscow"

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        kwargs.setdefault("password", PASSWORD)
        return model_class.objects.create_user(*args, **kwargs)


class ClientFactory(DjangoModelFactory[Client]):
    class Meta:
        model = Client

    owner = factory.SubFactory(UserFactory)
    email = factory.Sequence(lambda n: f"client{n}@example.org")
    full_name = factory.Sequence(lambda n: f"Client {n}")


class ClientGroupFactory(DjangoModelFactory[ClientGroup]):
    class Meta:
        model = ClientGroup

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Group {n}")


class MessageFactory(DjangoModelFactory[Message]):
    class Meta:
        model = Message

    owner = factory.SubFactory(UserFactory)
    subject = "News for {{ first_name }}"
    format = "html"
    body = "<p>Dear {{ full_name }},</p><p>here is the news.</p>"


class MailingFactory(DjangoModelFactory[Mailing]):
    """A mailing that is not due yet, with no recipients; see tests for how one is planned."""

    class Meta:
        model = Mailing

    message = factory.SubFactory(MessageFactory)
    owner = factory.SelfAttribute("message.owner")
    starts_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))
    ends_at = factory.LazyAttribute(lambda row: row.starts_at + timedelta(days=30))
    period = "once"
    time_zone = "Europe/Moscow"


class AttemptFactory(DjangoModelFactory[Attempt]):
    class Meta:
        model = Attempt

    mailing = factory.SubFactory(MailingFactory)
    scheduled_for = factory.Sequence(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n))
    started_at = factory.SelfAttribute("scheduled_for")
    finished_at = factory.SelfAttribute("scheduled_for")
    status = "succeeded"
    subject = factory.SelfAttribute("mailing.message.subject")
    format = factory.SelfAttribute("mailing.message.format")
    body = factory.SelfAttribute("mailing.message.body")


class DeliveryFactory(DjangoModelFactory[Delivery]):
    class Meta:
        model = Delivery

    attempt = factory.SubFactory(AttemptFactory)
    client = factory.SubFactory(ClientFactory, owner=factory.SelfAttribute("..attempt.mailing.owner"))
    email = factory.SelfAttribute("client.email")
    full_name = factory.SelfAttribute("client.full_name")
    message_id = factory.Sequence(lambda n: f"<{n}@example.com>")
    status = "sent"
    next_try_at = factory.LazyAttribute(
        lambda delivery: None if delivery.status in Delivery.UNSENT else timezone.now()
    )
