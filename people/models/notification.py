from django.db import models

from people.models.user import User


class Notification(models.Model):
    """Something that happened to what a user owns; its text is made when it is read, in their language."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=60, help_text="What it is about: the same is never told twice.")
    values = models.JSONField(default=dict)
    path = models.CharField(max_length=200, help_text="Of the page that shows more.")
    on_site = models.BooleanField(default=True, help_text="Off: it was sent by mail alone, or not at all.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("user", "kind", "key"), name="people_notification_once"),
        )
        indexes = (models.Index(fields=("created_at",), name="people_notification_by_age"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
