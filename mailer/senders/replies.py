"""Addresses for replies, each confirmed by its reader."""

from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.models import ReplyAddress
from mailer.models.sender import MOST_ADDRESSES
from people.account_emails import AccountEmail, address, send_account_email
from people.addresses import key_of
from people.models import User

SALT = "mailer.reply_address"
GOOD_FOR = timedelta(days=3)
CONFIRM = AccountEmail(
    subject=gettext_lazy("May replies come to this address?"),
    lines=(
        gettext_lazy("%(by)s wants replies to their mailings to go to %(email)s."),
        gettext_lazy("If you agree, confirm it within three days. If not, ignore this: nothing will change."),
    ),
    button=gettext_lazy("Let replies come here"),
)


def check_room(owner: User) -> None:
    """Raise ValidationError if a user has as many addresses as one may have."""
    if ReplyAddress.objects.owned_by(owner).count() >= MOST_ADDRESSES:
        text = _("You have %(number)s addresses: delete one first.")
        raise ValidationError(text, params={"number": MOST_ADDRESSES})


def check_not_ours(email: str) -> None:
    """Raise ValidationError for an address that the service itself sends from."""
    ours = (settings.DEFAULT_FROM_EMAIL, settings.ACCOUNT_FROM_EMAIL)
    if key_of(email) in {key_of(parseaddr(sender)[1]) for sender in ours}:
        raise ValidationError(_("This address belongs to the service itself."), code="reserved")


def is_own(row: ReplyAddress) -> bool:
    """Whether it is the address its owner logs in with, which is confirmed already."""
    return bool(row.address_key == key_of(row.owner.email))


def ask(row: ReplyAddress, *, language: str = "") -> None:
    """Email a link to an address, unless it is its owner's own."""
    if is_own(row):
        ReplyAddress.objects.filter(pk=row.pk, confirmed_at=None).update(confirmed_at=timezone.now())
        return
    link = address("reply_confirm", token=signing.dumps([row.pk, row.email], salt=SALT))
    send_account_email(CONFIRM, to=row.email, language=language, by=row.owner.email, link=link)


def asked(token: str) -> ReplyAddress | None:
    """The address that a link was mailed to, if the link is valid and the address still exists."""
    try:
        pk, email = signing.loads(token, salt=SALT, max_age=GOOD_FOR)
    except (signing.BadSignature, ValueError):
        return None
    return ReplyAddress.objects.select_related("owner").filter(pk=pk, email=email).first()


def confirm(row: ReplyAddress) -> None:
    """From now on replies may go there; confirming again changes nothing."""
    ReplyAddress.objects.filter(pk=row.pk, confirmed_at=None).update(confirmed_at=timezone.now())
