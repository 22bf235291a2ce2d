from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import factory
from django.db.models import Model
from django.utils import timezone
from factory.django import DjangoModelFactory

from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message
from people.models import User

Row = TypeVar("Row", bound=Model)
PASSWORD = "a-good-password-42"


class ModelFactory(DjangoModelFactory[Row]):
    """A factory whose call makes a row, which mypy would not see otherwise."""

    if TYPE_CHECKING:

        def __new__(cls, *args: Any, **fields: Any) -> Row: ...  # type: ignore[misc]

    class Meta:
        abstract = True


class UserFactory(ModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user{n}@example.com")
    time_zone = "Europe/Moscow"

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        kwargs.setdefault("password", PASSWORD)
        kwargs.setdefault("mails_per_day", None)
        return model_class.objects.create_user(*args, **kwargs)


class ClientFactory(ModelFactory[Client]):
    class Meta:
        model = Client

    owner = factory.SubFactory(UserFactory)
    email = factory.Sequence(lambda n: f"client{n}@example.org")
    full_name = factory.Sequence(lambda n: f"Client {n}")


class ClientGroupFactory(ModelFactory[ClientGroup]):
    class Meta:
        model = ClientGroup

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Group {n}")


class MessageFactory(ModelFactory[Message]):
    class Meta:
        model = Message

    owner = factory.SubFactory(UserFactory)
    subject = "News for {{ first_name }}"
    format = "html"
    body = "<p>Dear {{ full_name }},</p><p>here is the news.</p>"


class MailingFactory(ModelFactory[Mailing]):
    """A mailing that is not due yet, with no recipients; see tests for how one is planned."""

    class Meta:
        model = Mailing

    message = factory.SubFactory(MessageFactory)
    owner = factory.SelfAttribute("message.owner")
    name = factory.SelfAttribute("message.subject")
    starts_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))
    ends_at = factory.LazyAttribute(lambda row: row.starts_at + timedelta(days=30))
    period = "once"
    time_zone = "Europe/Moscow"


class AttemptFactory(ModelFactory[Attempt]):
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


class DeliveryFactory(ModelFactory[Delivery]):
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
