import json

from django.utils.translation import gettext as _
from liquid.exceptions import LiquidError

from mailer.composing.attachments import files_of, snapshot_of
from mailer.composing.attribute_values import likely
from mailer.composing.compiling import compile_message
from mailer.composing.rendering import Composer, Recipient, RenderedMessage
from mailer.models import Message, ReplyAddress
from mailer.models.attribute import kinds_of
from mailer.sending.ledger import new_message_id
from mailer.transport import CannotWrite, MailRefused, Verdict, deliver, open_transport
from people.addresses import key_of
from people.models import User


def proved_addresses(owner: User) -> list[str]:
    """Where tests may go: the user's own address and those for replies, each confirmed by its reader."""
    own = key_of(owner.email)
    others = ReplyAddress.objects.owned_by(owner).exclude(confirmed_at=None).exclude(address_key=own)
    return [owner.email, *others.values_list("email", flat=True)]


def send_test(*, message: Message, owner: User, to: str) -> str:
    """Send one message, marked as a test, to one address now and return the server's answer.

    It is no attempt and leaves no row in the ledger. MailRefused if the server said no.
    """
    try:
        marked = _("[Test] %(subject)s") % {"subject": message.subject}
        compiled = compile_message(subject=marked, body=message.body, format=message.format)
        files = files_of(snapshot_of(message), owner_id=message.owner_id)
        composer = Composer(compiled=compiled, owner=owner, attachments=files)
        recipient = Recipient(
            email=to,
            full_name=owner.get_full_name(),
            message_id=new_message_id("test"),
            attributes=json.dumps(likely(kinds_of(owner))),
        )
    except LiquidError as error:
        raise MailRefused(error.message) from error
    mail = RenderedMessage(composer, recipient)
    transport = open_transport()
    try:
        mail.write(eight_bit=True, utf8=True)
        answer = deliver(transport, mail)
    except CannotWrite as error:
        raise MailRefused(str(error)) from error
    finally:
        transport.close()
    if answer.verdict is not Verdict.ACCEPTED:
        raise MailRefused(answer.text)
    return answer.text
