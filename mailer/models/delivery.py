from typing import Self

from django.db import models
from django.db.models import Max, Min, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.models.attempt import Attempt
from mailer.models.client import Client
from people.addresses import LONGEST_KEY
from site_config.ui.counting import LIMIT, count
from site_config.ui.search import found


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def get_by_natural_key(self, attempt: str, message_id: str) -> "Delivery":
        return self.get(attempt__key=attempt, message_id=message_id)

    def bounded(self) -> Self:
        """The same rows of one attempt, within the range of their keys: they were written together.

        Without the range, PostgreSQL looks for the first or last of one status, or with one word, by the
        keys of the whole ledger, and reads all that stand before them.
        """
        first, last = self.order_by().aggregate(Min("pk"), Max("pk")).values()
        return self.filter(pk__gte=first, pk__lte=last) if last else self.none()

    def open(self) -> Self:
        """Undecided deliveries."""
        return self.filter(status__in=Delivery.OPEN)

    def with_status(self, status: str) -> Self:
        """Those of one status; the few unsent ones are found by the queue's index."""
        rows = self.filter(status=status)
        return rows.filter(next_try_at=None) if status in Delivery.UNSENT else rows

    def search(self, text: str, *, attempt: Attempt) -> Self:
        """Those of an attempt whose address or name contains a text.

        In a large attempt they are found through its clients, whose current addresses and names are indexed.
        Where clients are deleted, or too many match, the deliveries' own addresses and names are searched.
        """
        by_words = found(("email", "full_name"), text)
        clients = Client.objects.filter(owner=attempt.mailing.owner_id).search(text)
        if attempt.total <= LIMIT or count(clients).more:
            return self.filter(by_words)
        theirs = (
            self.filter(client__in=clients.order_by().values("pk")).order_by().values_list("pk", flat=True)
        )
        orphans = self.filter(by_words, client=None).order_by().values_list("pk", flat=True)
        # As ids: with a subquery, PostgreSQL would rather read the whole attempt.
        return self.filter(pk__in=[*theirs, *orphans[: LIMIT + 1]])


class DeliveryStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    SENDING = "sending", _("sending")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("skipped")
    EXPIRED = "expired", _("expired")


class Delivery(models.Model):
    """The ledger row of one recipient in one attempt."""

    Status = DeliveryStatus

    OPEN = (Status.QUEUED, Status.SENDING)
    UNSENT = (Status.FAILED, Status.SKIPPED, Status.EXPIRED)

    # No index holds what changes when a mail is sent, so that PostgreSQL writes the row in place (a heap-only
    # tuple) and SQLite touches no index. Neither of these two is indexed alone: the indexes below begin with
    # them. Deleting an attempt does not wait for its deliveries: sending/leftovers.py.
    attempt = models.ForeignKey(
        Attempt, models.DO_NOTHING, related_name="deliveries", db_index=False, db_constraint=False
    )
    client = models.ForeignKey(Client, models.SET_NULL, null=True, related_name="deliveries", db_index=False)
    email = models.EmailField(_("email"))
    address_key = models.CharField(
        max_length=LONGEST_KEY,
        null=True,
        editable=False,
        help_text="By what the stop-list knows the address, where that is not the address as it stands.",
    )
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    attributes = models.JSONField(
        null=True, editable=False, help_text="The client's, if the message has merge fields for attributes."
    )
    message_id = models.CharField("Message-ID", max_length=255)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.QUEUED)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(
        _("next try"),
        null=True,
        help_text="Since when it is due. Kept when it is sent; none once it ended in another way.",
    )
    lease = models.CharField(max_length=32, blank=True, help_text="The token of the lease that sends it.")
    possibly_twice = models.BooleanField(
        _("possibly twice"),
        default=False,
        help_text="An earlier try was cut off and may have gone out.",
    )
    response = models.TextField(_("server's answer"), blank=True)
    refusal = models.CharField(
        max_length=20, blank=True, help_text="What the last answer is about, if it was a refusal."
    )
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("client", "attempt"), name="mailer_delivery_once_per_client"),
            models.CheckConstraint(
                name="mailer_delivery_due_until_decided",
                condition=Q(status=DeliveryStatus.SENT)
                | Q(status__in=(DeliveryStatus.QUEUED, DeliveryStatus.SENDING), next_try_at__isnull=False)
                | Q(
                    status__in=(DeliveryStatus.FAILED, DeliveryStatus.SKIPPED, DeliveryStatus.EXPIRED),
                    next_try_at=None,
                ),
            ),
        )
        indexes = (
            models.Index(fields=("attempt", "next_try_at", "id"), name="mailer_delivery_queue"),
            models.Index(fields=("attempt", "id"), name="mailer_delivery_of_attempt"),
            models.Index(
                fields=("attempt", "id"), name="mailer_delivery_twice", condition=Q(possibly_twice=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.get_status_display()}"

    def natural_key(self) -> tuple[str, str]:
        return (self.attempt.key, self.message_id)

    @property
    def answer_text(self) -> str:
        """The last answer; our own reasons in the reader's language."""
        return gettext(self.response) if self.response else ""
