"""Every page of the site with who looks at it, for what walks over them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from playwright.sync_api import Browser, BrowserContext, Page

from e2e.conftest import PASSWORD, log_in
from e2e.stack import Stack

MAIN = "|tbody .main-cell a"
OWNER, MANAGER, ADMIN = "owner", "manager@example.com", "admin@example.com"
# Each page: who looks (nobody, a demo account, or the owner of the language's demo data), the name of its
# URL, and the address with links to go on by. What stands in braces is made by tour_data.py.
TOUR: dict[str, tuple[str, str, str]] = {
    "home": ("", "home", "/"),
    "blog": ("", "blog", "/blog/"),
    "article": ("", "article", "/blog/|main a[href^='/blog/']:not([href*='?']):not([href*='feed'])"),
    "login": ("", "account_login", "/accounts/login/"),
    "signup": ("", "account_signup", "/accounts/signup/"),
    "confirmation-sent": ("", "account_email_verification_sent", "/accounts/confirm-email/"),
    "confirmation-bad": ("", "account_confirm_email", "/accounts/confirm-email/made-up/"),
    "reset": ("", "account_reset_password", "/accounts/password/reset/"),
    "reset-sent": ("", "account_reset_password_done", "/accounts/password/reset/done/"),
    "reset-key": ("", "account_reset_password_from_key", "/accounts/password/reset/key/{reset}/"),
    "reset-bad": ("", "account_reset_password_from_key", "/accounts/password/reset/key/1-x/"),
    "reset-done": ("", "account_reset_password_from_key_done", "/accounts/password/reset/key/done/"),
    "blocked": ("", "account_inactive", "/accounts/inactive/"),
    "join": ("", "join", "/join/{slug}/"),
    "join-sent": ("", "join_sent", "/join/{slug}/sent/"),
    "join-embedded": ("", "join_embed", "/join/{slug}/embed/"),
    "join-embedded-sent": ("", "join_embed_sent", "/join/{slug}/embed/sent/"),
    "join-late": ("", "join_confirm", "/join/confirm/made-up/"),
    "unsubscribe": ("", "unsubscribe", "/u/{unsubscribe}/"),
    "unsubscribed": ("", "unsubscribe", "/u/{unsubscribed}/"),
    "unsubscribe-bad": ("", "unsubscribe", "/u/made-up/"),
    "unsubscribe-why": ("", "unsubscribe_why", "/u/{unsubscribe}/why/"),
    "unsubscribe-forget": ("", "unsubscribe_forget", "/u/{unsubscribe}/forget/"),
    "reply-confirm": ("", "reply_confirm", "/replies/{reply}/"),
    "not-found": ("", "", "/no-such-page/"),
    "start": (OWNER, "start", "/start/"),
    "mailings": (OWNER, "mailings", "/mailings/"),
    "mailing": (OWNER, "mailing_detail", "/mailings/?state=running" + MAIN),
    "mailing-new": (OWNER, "mailing_create", "/mailings/new/"),
    "mailing-edit": (OWNER, "mailing_edit", "/mailings/" + MAIN + "|.page-actions a[href$='/edit/']"),
    "mailing-copy": (OWNER, "mailing_clone", "/mailings/" + MAIN + "|.page-actions a[href$='/copy/']"),
    "mailing-delete": (OWNER, "mailing_delete", "/mailings/" + MAIN + "|.page-actions a[href$='/delete/']"),
    "mailing-run": (OWNER, "mailing_run", "/mailings/?state=running|tbody a[href$='/run/']"),
    "mailing-check": (OWNER, "mailing_check", "/mailings/?state=running" + MAIN + "|main a[href$='/check/']"),
    "mailing-columns": (OWNER, "mailings_columns", "/mailings/columns/"),
    "clients": (OWNER, "clients", "/clients/"),
    "client": (OWNER, "client_detail", "/clients/" + MAIN),
    "client-new": (OWNER, "client_create", "/clients/new/"),
    "client-edit": (OWNER, "client_edit", "/clients/" + MAIN + "|#client-edit"),
    "client-delete": (OWNER, "client_delete", "/clients/|tbody a[href$='/delete/']"),
    "client-forget": (OWNER, "client_forget", "/clients/" + MAIN + "|main a[href$='/forget/']"),
    "client-find": (OWNER, "client_find", "/clients/find/?q=a"),
    "clients-none": (OWNER, "clients", "/clients/?q=nobody-has-this-name"),
    "attributes": (OWNER, "attributes", "/clients/attributes/"),
    "attribute-new": (OWNER, "attribute_create", "/clients/attributes/new/"),
    "attribute-delete": (OWNER, "attribute_delete", "/clients/attributes/{attribute}/delete/"),
    "import": (OWNER, "imports", "/clients/import/"),
    "import-draft": (OWNER, "import_detail", "/clients/import/{import}/"),
    "import-done": (OWNER, "import_detail", "/clients/import/{import_done}/"),
    "import-take-back": (OWNER, "import_take_back", "/clients/import/{import_done}/take-back/"),
    "bulk": (OWNER, "bulk_detail", "/clients/bulk/{bulk}/"),
    "forms": (OWNER, "subscription_forms", "/clients/forms/"),
    "form": (OWNER, "subscription_form_detail", "/clients/forms/{form}/"),
    "form-new": (OWNER, "subscription_form_create", "/clients/forms/new/"),
    "form-edit": (OWNER, "subscription_form_edit", "/clients/forms/{form}/edit/"),
    "form-delete": (OWNER, "subscription_form_delete", "/clients/forms/{form}/delete/"),
    "stop-list": (OWNER, "stop_list", "/clients/stop-list/"),
    "stop-new": (OWNER, "stop_create", "/clients/stop-list/new/"),
    "stop-import": (OWNER, "stop_import", "/clients/stop-list/import/"),
    "stop-lift": (OWNER, "stop_lift", "/clients/stop-list/|tbody a[href$='/lift/']"),
    "opt-outs": (OWNER, "opt_outs", "/clients/stop-list/partly/"),
    "opt-out-lift": (OWNER, "optout_lift", "/clients/stop-list/partly/{opt_out}/lift/"),
    "columns": (OWNER, "client_columns", "/clients/columns/"),
    "groups": (OWNER, "groups", "/groups/"),
    "group": (OWNER, "group_detail", "/groups/" + MAIN),
    "group-new": (OWNER, "group_create", "/groups/new/"),
    "group-rule": (OWNER, "group_rule_create", "/groups/rule/"),
    "group-rule-edit": (OWNER, "group_rule_edit", "/groups/{rule}/rule/"),
    "group-edit": (OWNER, "group_edit", "/groups/|tbody a[href$='/edit/']"),
    "group-delete": (OWNER, "group_delete", "/groups/|tbody a[href$='/delete/']"),
    "group-columns": (OWNER, "groups_columns", "/groups/columns/"),
    "messages": (OWNER, "messages", "/messages/"),
    "message": (OWNER, "message_preview", "/messages/{message}/preview/"),
    "message-new": (OWNER, "message_create", "/messages/new/"),
    "message-edit": (OWNER, "message_edit", "/messages/{message}/preview/|.page-actions a[href$='/edit/']"),
    "message-delete": (
        OWNER,
        "message_delete",
        "/messages/{message}/preview/|.page-actions a[href$='/delete/']",
    ),
    "message-check": (OWNER, "message_check", "/messages/{message}/check/"),
    "message-versions": (OWNER, "message_versions", "/messages/{message}/versions/"),
    "message-columns": (OWNER, "messages_columns", "/messages/columns/"),
    "pictures": (OWNER, "pictures", "/messages/pictures/"),
    "picture-delete": (OWNER, "picture_delete", "/messages/pictures/{picture}/delete/"),
    "senders": (OWNER, "senders", "/senders/"),
    "reports": (OWNER, "reports", "/reports/"),
    "charts": (OWNER, "report_figures", "/reports/figures/"),
    "report": (OWNER, "attempt_detail", "/reports/?state=partly" + MAIN),
    "report-again": (OWNER, "attempt_again", "/reports/?state=partly" + MAIN + "|#attempt-again"),
    "receipt": (OWNER, "receipt", "/reports/?state=partly" + MAIN + "|tbody td a[href*='/mails/']"),
    "report-columns": (OWNER, "reports_columns", "/reports/columns/"),
    "notifications": (OWNER, "notifications", "/notifications/"),
    "notices": (OWNER, "account_notices", "/accounts/notifications/"),
    "profile": (OWNER, "account_profile", "/accounts/profile/"),
    "account-email": (OWNER, "account_email", "/accounts/email/"),
    "password": (OWNER, "account_change_password", "/accounts/password/change/"),
    "reauthenticate": (OWNER, "account_reauthenticate", "/accounts/reauthenticate/"),
    "two-factor": (OWNER, "mfa_index", "/accounts/two-factor/"),
    "two-factor-on": (OWNER, "mfa_activate_totp", "/accounts/two-factor/totp/activate/"),
    "sessions": (OWNER, "usersessions_list", "/accounts/sessions/"),
    "archive": (OWNER, "archive", "/archive/"),
    "delete-account": (OWNER, "account_delete", "/accounts/delete/"),
    "logout": (OWNER, "account_logout", "/accounts/logout/"),
    "outbox": (OWNER, "outbox", "/outbox/"),
    "outbox-mail": (OWNER, "outbox_mail", "/outbox/|main tbody a"),
    "all-mailings": (MANAGER, "mailings", "/mailings/"),
    "a-mailing-of-another": (MANAGER, "mailing_detail", "/mailings/" + MAIN),
    "mailing-disable": (MANAGER, "mailing_disable", "/mailings/?state=running|tbody a[href$='/disable/']"),
    "a-report-of-another": (MANAGER, "attempt_detail", "/reports/" + MAIN),
    "start-of-manager": (MANAGER, "start", "/start/"),
    "users": (MANAGER, "users", "/users/"),
    "user-columns": (MANAGER, "users_columns", "/users/columns/"),
    "user-block": (MANAGER, "user_block", "/users/{user}/block/"),
    "user-allowance": (MANAGER, "user_allowance", "/users/{user}/allowance/"),
    "service": (MANAGER, "service", "/service/"),
    "audit": (MANAGER, "audit", "/audit/"),
    "mailing-release": (MANAGER, "mailing_release", "/mailings/{mailing}/release/"),
    "audit-columns": (MANAGER, "audit_columns", "/audit/columns/"),
    "forbidden": (MANAGER, "client_create", "/clients/new/"),
    "users-by-admin": (ADMIN, "users", "/users/"),
    "user-new": (ADMIN, "user_create", "/users/new/"),
    "user-edit": (ADMIN, "user_edit", "/users/{user}/edit/"),
    "user-delete": (ADMIN, "user_delete", "/users/{user}/delete/"),
    "administration": ("editor@example.com", "", "/admin/content/article/"),
}
# Pages that need a second factor: test_passkeys.py walks over them.
_WITH_SECOND_FACTOR = """
    mfa_authenticate mfa_reauthenticate mfa_reauthenticate_webauthn mfa_deactivate_totp
    mfa_view_recovery_codes mfa_generate_recovery_codes mfa_list_webauthn mfa_add_webauthn
    mfa_remove_webauthn mfa_edit_webauthn
"""
WITH_SECOND_FACTOR = frozenset(_WITH_SECOND_FACTOR.split())
# What answers a GET with a file, a fragment, data or a redirect, or with a mail as its author wrote it.
_NO_PAGE = """
    account_confirm_login_code account_set_password archive_file attachment attempt_export
    attempt_html attempt_retry blog_atom blog_rss bulk_stop bulk_undo clients_bulk clients_export
    draft_html draft_preview find group_export group_remove healthz import_refused import_stop mail_view
    mail_view_bare mailing_enable mailing_pause mailing_recipients mailing_resume mailings_bulk media
    message_archive message_copy message_picture message_preview_html message_public message_public_set
    message_test message_unarchive messages_bulk mfa_download_recovery_codes mfa_login_webauthn
    opt_outs_export outbox_html receipt_html receipt_mail reply_address reports_export robots
    sender_domain session_alive set_language sitemap sitemap_part stop_export unsubscribe_bare
    unsubscribe_data user_admit user_avatar user_unblock
"""
NO_PAGE = frozenset(_NO_PAGE.split())
OWNERS = {"en": "olga@example.com", "ru": "demo@example.com"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How somebody looks at the site: language, width of the window, bright or dark."""

    language: str = "en"
    phone: bool = False
    dark: bool = False

    def __str__(self) -> str:
        return "-".join(("phone" if self.phone else "wide", "dark" if self.dark else "light", self.language))

    def context(self, browser: Browser, url: str) -> BrowserContext:
        return browser.new_context(
            base_url=url,
            locale=self.language,
            viewport={"width": 390, "height": 844} if self.phone else {"width": 1280, "height": 800},
            color_scheme="dark" if self.dark else "light",
        )


def visit(browser: Browser, stack: Stack, look: Look, names: list[str]) -> Iterator[tuple[str, Page]]:
    """Each of these pages, opened by who looks at it."""
    known = stack.tour_data(look.language, OWNERS[look.language])
    for who, group in groupby(sorted(names, key=lambda name: TOUR[name][0]), key=lambda name: TOUR[name][0]):
        context = look.context(browser, stack.url)
        page = context.new_page()
        if email := seen_by(who, look.language):
            log_in(page, email)
        for name in group:
            go(page, TOUR[name][2].format_map(known))
            yield name, page
        context.close()


def seen_by(who: str, language: str) -> str | None:
    """The account that looks, if any."""
    return OWNERS[language] if who == OWNER else who or None


def go(page: Page, steps: str) -> None:
    """Open an address, then the links to go on by; a page that asks for the password again gets it."""
    address, *links = steps.split("|")
    page.goto(address)
    if "/reauthenticate/?next=" in page.url:
        page.locator("#id_password").fill(PASSWORD)
        page.locator("main .btn-primary[type=submit]").click()
        page.wait_for_url(f"**{address}")
    for selector in links:
        page.goto(page.locator(selector).first.get_attribute("href") or "")
