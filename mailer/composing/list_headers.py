"""Headers that tell users' lists and mailings apart, without saying who they are."""

import hashlib
import hmac
from email.utils import parseaddr

from django.conf import settings

from mailer.composing.headers import mailbox, one_line
from mailer.transport.addresses import written
from people.models import User

SENDER_ID = 15  # characters at most, for Gmail


def list_id(owner: User) -> bytes:
    """List-Id (RFC 2919): one list per user, by which people filter their mail."""
    domain = written(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])[0].rpartition("@")[2]
    return mailbox(one_line(owner.name), f"{_opaque('user', owner.pk)}.list.{domain}")


def feedback_id(owner: User, mailing_id: int | None) -> bytes:
    """Feedback-ID: complaints are counted per mailing, per user and for the whole service."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    site = "".join(filter(str.isalnum, domain.encode("idna").decode()))[:SENDER_ID]
    mailing = _opaque("mailing", mailing_id) if mailing_id else "test"
    return f"{mailing}:{_opaque('user', owner.pk)}:mailing:{site}".encode("ascii")


def _opaque(kind: str, pk: int) -> str:
    """Always the same, but not a number that reveals how many users and mailings there are."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, f"{kind} {pk}".encode(), hashlib.sha256).hexdigest()[:12]
