from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AppendOnly(Exception):
    """Entries of the audit trail cannot be changed."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **_kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """Who did what to which row, when and from where. Append-only: the database enforces it too.

    It holds names, not references, so that it outlives the users and mailings it names.
    """

    class Action(models.TextChoices):
        SIGNED_UP = "signed_up", _("signed up")
        LOGGED_IN = "logged_in", _("logged in")
        LOGIN_FAILED = "login_failed", _("failed to log in")
        CONFIRMED = "confirmed", _("confirmed the email")
        PASSWORD_CHANGED = "password_changed", _("changed the password")
        EMAIL_CHANGED = "email_changed", _("changed the email")
        TWO_FACTOR_ON = "two_factor_on", _("turned two-factor on")
        TWO_FACTOR_OFF = "two_factor_off", _("turned two-factor off")
        USER_CREATED = "user_created", _("created a user")
        USER_EDITED = "user_edited", _("edited a user")
        USER_ADMITTED = "user_admitted", _("approved a user")
        ACCESS_CHANGED = "access_changed", _("changed what a user may do")
        ROLE_CHANGED = "role_changed", _("changed what a role may do")
        ALLOWANCE_SET = "allowance_set", _("set a daily allowance")
        USER_DELETED = "user_deleted", _("deleted a user")
        USER_BLOCKED = "user_blocked", _("blocked a user")
        USER_UNBLOCKED = "user_unblocked", _("unblocked a user")
        MAILING_CREATED = "mailing_created", _("created a mailing")
        MAILING_EDITED = "mailing_edited", _("edited a mailing")
        MAILING_PAUSED = "mailing_paused", _("paused a mailing")
        MAILING_RESUMED = "mailing_resumed", _("resumed a mailing")
        MAILING_RUN = "mailing_run", _("ran a mailing now")
        MAILING_DELETED = "mailing_deleted", _("deleted a mailing")
        MAILING_DISABLED = "mailing_disabled", _("disabled a mailing")
        MAILING_ENABLED = "mailing_enabled", _("enabled a mailing")
        MAILING_RELEASED = "mailing_released", _("released a mailing from hold")
        CLIENTS_EXPORTED = "clients_exported", _("exported clients")
        CLIENT_FORGOTTEN = "client_forgotten", _("had a client forgotten")
        STOP_LIFTED = "stop_lifted", _("took an address off the stop-list")

    at = models.DateTimeField(_("time"), default=timezone.now)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(_("who"), max_length=254, blank=True)
    action = models.CharField(_("what"), max_length=30, choices=Action)
    target_type = models.CharField(max_length=50)
    target_id = models.BigIntegerField(null=True)
    target = models.CharField(_("to what"), max_length=300)
    detail = models.CharField(_("details"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("from where"), null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=("-at", "-id"), name="people_audit_by_time"),
            models.Index(fields=("target_type", "target_id"), name="people_audit_by_target"),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.get_action_display()}: {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnly
