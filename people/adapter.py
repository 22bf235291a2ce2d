from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_noop

from people.account_emails import ACCOUNT_EMAILS, address, send_account_email
from people.addresses import spelled
from people.audit import record_failed_log_in
from people.known_browsers import known_for
from people.models import User

ON_DEMAND = {
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
    "account/email/account_already_exists",
    "account/email/password_reset_key",
}
LINKS = {"account/email/account_already_exists": "account_reset_password"}
HOUSEHOLD = 64  # bits of an IPv6 address; one subscriber has all addresses that share them


def network_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed.packed, HOUSEHOLD), strict=False).network_address)
    return address


class AccountAdapter(DefaultAccountAdapter):
    """Connects allauth with this site's emails, links and rules."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send the site's own email instead of a template, in its reader's language.

        Emails that anybody can trigger go to an address only a few times a day.
        """
        if template_prefix in ON_DEMAND and not ratelimit.consume(
            self.request, action="account_email", key=f"{template_prefix}:{spelled(email)}"
        ):
            return
        names = ("from_email", "to_email", "ip", "user_agent", "timestamp")
        values = {name: context[name] for name in names if name in context}
        link = context.get("activate_url") or context.get("password_reset_url") or ""
        if template_prefix in LINKS:
            link = address(LINKS[template_prefix])
        reader = User.objects.filter(email=spelled(email)).first() or context.get("user")
        send_account_email(
            ACCOUNT_EMAILS[template_prefix],
            to=email,
            language=reader.language if reader else "",
            link=link,
            **values,
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Pass on the user, in whose language the email is written."""
        super().send_notification_mail(template_prefix, user, {**(context or {}), "user": user}, email)

    def set_password(self, user: User, password: str) -> None:
        """Save only the password: the user may have been blocked meanwhile."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return address("account_confirm_email", key=emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, token = key.partition("-")
        return address("account_reset_password_from_key", uidb36=uid, key=token)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Save a new user in the page's language; the same form sent twice at once makes one user."""
        user.language = translation.get_language() or ""
        user.waiting = settings.SIGNUP == "review"
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
        except IntegrityError as error:
            raise ImmediateHttpResponse(self.respond_email_verification_sent(request, None)) from error
        return saved

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By account and network: a stranger's wrong passwords do not count against others.

        allauth has no public hook for this key, and by default counts single IPv6 addresses.
        """
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{network_of(self.get_client_ip(request) or '')}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        super().pre_authenticate(request, **credentials)
        email = spelled(str(credentials.get("email") or ""))
        if email in known_for(request):
            return
        if not ratelimit.consume(request, action="login_failed_anywhere", key=email, dry_run=True):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        email = str(credentials.get("email") or "")
        ratelimit.consume(request, action="login_failed_anywhere", key=spelled(email))
        record_failed_log_in(email=email, detail=gettext_noop("wrong password"))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Those who are here to write the blog begin there."""
        user = cast("User", request.user)
        if user.is_staff and not user.is_superuser and not user.oversees:
            return reverse("admin:index")
        return str(super().get_login_redirect_url(request))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGNUP in ("open", "review")

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "people.stages.AdmissionStage"]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Tell blocked users why: they have just given the right password."""
        record_failed_log_in(email=user.email, detail=gettext_noop("blocked"))
        return render(request, "account/account_inactive.html", {"blocked": user}, status=403)
