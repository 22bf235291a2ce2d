"""The mail that one recipient got, rebuilt from what its run kept."""

import json
from collections.abc import Iterable, Mapping

from liquid.exceptions import LiquidError

from mailer.composing.attachments import files_of
from mailer.composing.attribute_values import AttributeValues
from mailer.composing.compiling import Preview, compile_message
from mailer.composing.headers import one_line
from mailer.composing.languages import language_of
from mailer.composing.merge import parse, values_for
from mailer.composing.rendering import Composer, Recipient
from mailer.models import Delivery
from mailer.models.attribute import kinds_of
from people.models import User


def mail_again(delivery: Delivery) -> bytes:
    """A delivery's mail as handed to a server with 8BITMIME and SMTPUTF8, before it was signed.

    Its Date is the second in which the answer was recorded, and the sender's name is the current one. Raises
    LiquidError, ValueError or CannotWrite if it cannot be rebuilt.
    """
    return _composer(delivery).write(_recipient(delivery), eight_bit=True, utf8=True)


def page_again(delivery: Delivery) -> Preview:
    """What a mail shows, for its recipient's browser; raises LiquidError if it cannot be rebuilt."""
    return _composer(delivery, files=False).fill(_recipient(delivery))


def _composer(delivery: Delivery, *, files: bool = True) -> Composer:
    attempt = delivery.attempt
    return Composer(
        compiled=compile_message(subject=attempt.subject, body=attempt.body, format=attempt.format),
        owner=attempt.mailing.owner,
        mailing_id=attempt.mailing_id,
        key=attempt.key,
        from_address=attempt.from_address,
        reply_to=attempt.reply_to,
        at=delivery.finished_at,
        attachments=files_of(attempt.attachments, owner_id=attempt.mailing.owner_id) if files else (),
    )


def _recipient(delivery: Delivery) -> Recipient:
    kept = delivery.attributes
    return Recipient(
        email=delivery.email,
        full_name=delivery.full_name,
        message_id=delivery.message_id,
        attributes=json.dumps(kept, ensure_ascii=False) if kept else None,
        pk=delivery.pk,
    )


def subjects_again(deliveries: Iterable[Delivery], *, owner: User) -> list[str]:
    """The subjects as one owner's recipients read them; as written where one cannot be filled."""
    kinds = kinds_of(owner)
    return [_subject(delivery, owner, kinds) for delivery in deliveries]


def _subject(delivery: Delivery, owner: User, kinds: Mapping[str, str]) -> str:
    written = delivery.attempt.subject
    try:
        template = parse(written)
        attributes = AttributeValues(template.global_variables(), kinds, language=language_of(written))
        values = values_for(
            full_name=delivery.full_name,
            email=delivery.email,
            sender_name=owner.get_short_name(),
            unsubscribe_url="",
        )
        filled = template.render(**{**values, **attributes.of(json.dumps(delivery.attributes))})
    except LiquidError:
        return written
    return one_line(filled) or written
