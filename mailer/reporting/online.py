"""What is at an address that somebody was given: their own mail."""

from mailer.composing import view_links
from mailer.models import Delivery


def delivery_by(token: str) -> Delivery | None:
    """The delivery of a signed address; None if it is not signed, no longer kept, or of a blocked sender."""
    pk = view_links.delivery_of(token)
    if pk is None:
        return None
    rows = Delivery.objects.select_related("attempt__mailing__owner").filter(pk=pk)
    delivery = rows.exclude(email="").first()
    if delivery is None or not delivery.attempt.mailing.owner.is_active:
        return None
    signed = view_links.is_signed(token, pk=delivery.pk, message_id=delivery.message_id)
    return delivery if signed else None
