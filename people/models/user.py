from collections.abc import Iterator
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from people.address_fields import AccountAddressField
from people.addresses import account_address, spelled
from people.validators import validate_display_name, validate_one_line


def validate_zone(name: str) -> None:
    """Raise ValidationError unless name is a time zone of the IANA database."""
    if name not in available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a time zone. Choose one such as Europe/Moscow."), params={"name": name}
        )


def new_account_mails() -> int | None:
    """The allowance that a new account has; None for no limit."""
    return settings.NEW_ACCOUNT_MAILS_PER_DAY or None


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "User") -> Self:
        """The users this user may see: all for managers, else only oneself."""
        return self if user.has_perm("people.see_all_users") else self.filter(pk=user.pk)


class UserManager(BaseUserManager["User"]):
    """Finds users by email, in whatever spelling."""

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def visible_to(self, user: "User") -> UserQuerySet:
        return self.get_queryset().visible_to(user)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=spelled(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("A user needs an email address.")
        user = self.model(email=account_address(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Whoever can create a superuser need not confirm their address by email."""
        from people.accounts import mark_verified  # these import this model: true import cycles
        from people.audit import record_whoever
        from people.models import AuditEntry

        with transaction.atomic():
            rights = {"is_staff": True, "is_superuser": True, "mails_per_day": None}
            user = self.create_user(email, password, **{**fields, **rights})
            mark_verified(user)
            record_whoever(action=AuditEntry.Action.USER_CREATED, target=user, detail="superuser")
        return user


class User(AbstractUser):
    """A registered account. `is_active` off means blocked: no log-in, and nothing is sent."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = AccountAddressField(_("email"))
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validate_display_name])
    company = models.CharField(_("company"), max_length=150, blank=True, validators=[validate_one_line])
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_zone])
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, blank=True)
    avatar = models.FileField(_("picture"), upload_to="avatars/", blank=True)
    blocked_at = models.DateTimeField(_("blocked"), null=True, editable=False)
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    blocked_reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    waiting = models.BooleanField(_("waiting for approval"), default=False, editable=False)
    mails_per_day = models.PositiveIntegerField(
        _("mails a day"), null=True, blank=True, default=new_account_mails, validators=[MinValueValidator(1)],
        help_text=_("How many may be sent in any 24 hours. Leave it empty for no limit."),
    )  # fmt: skip
    notices = models.JSONField(
        null=True, editable=False, help_text="What one is told, by mail and in the site; none: as usual."
    )
    unread = models.PositiveIntegerField(default=0, editable=False, help_text="Notifications not read yet.")
    hidden_columns = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Of each list by its name; lists are as usual without.",
    )
    session_generation = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counting it up ends every session of this user for good."
    )

    before_save: dict[str, Any] | None = None  # of people.rights

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = (
            ("see_all_users", "Can see all users"),
            ("block_user", "Can block and unblock a user"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("email",),
                name="people_user_email_unique",
                violation_error_message=_("There is already an account with this email."),
            ),
        )

    def __str__(self) -> str:
        return str(self.email)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """Sessions end when the password changes, as in Django, or the generation does."""
        return self._session_hash(settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str) -> str:
        key_salt = "people.models.User.get_session_auth_hash"
        value = f"{self.session_generation}:{self.password}"
        return salted_hmac(key_salt, value, secret=secret, algorithm="sha256").hexdigest()

    @property
    def state(self) -> str:
        """Active, waiting or blocked, as the table of users shows and filters it."""
        if not self.is_active:
            return "blocked"
        return "waiting" if self.waiting else "active"

    @property
    def oversees(self) -> bool:
        """Whether this user may see everybody's mailings."""
        return self.has_perm("mailer.see_all_mailings")

    @property
    def is_overseer(self) -> bool:
        """Whether this user may do more than look after their own."""
        return self.is_staff or self.is_superuser or self.oversees or self.has_perm("people.see_all_users")

    @property
    def only_watches(self) -> bool:
        """Whether this user looks after others' mailings, and so has none of their own."""
        return self.oversees and not self.is_superuser

    def hide_columns(self, list_name: str, hidden: list[str]) -> None:
        """Leave these columns out of a list from now on."""
        self.hidden_columns = {**self.hidden_columns, list_name: hidden}
        self.save(update_fields=["hidden_columns"])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
