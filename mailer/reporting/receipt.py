"""The mail that one recipient got, made again from what its run kept."""

import json

from mailer.composing.compiling import compile_message
from mailer.composing.rendering import Composer, Recipient
from mailer.models import Delivery


def mail_again(delivery: Delivery) -> bytes:
    """The mail of a delivery as a server that takes 8BITMIME and SMTPUTF8 was given it, before its signature.

    The Date is the second in which its answer was recorded, and the sender's name is the one of now.
    LiquidError, ValueError or CannotWrite if it cannot be made.
    """
    attempt = delivery.attempt
    compiled = compile_message(subject=attempt.subject, body=attempt.body, format=attempt.format)
    composer = Composer(
        compiled=compiled,
        owner=attempt.mailing.owner,
        mailing_id=attempt.mailing_id,
        key=attempt.key,
        at=delivery.finished_at,
    )
    kept = delivery.attributes
    recipient = Recipient(
        email=delivery.email,
        full_name=delivery.full_name,
        message_id=delivery.message_id,
        attributes=json.dumps(kept, ensure_ascii=False) if kept else None,
    )
    return composer.write(recipient, eight_bit=True, utf8=True)
