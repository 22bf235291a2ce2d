"""The table of who gets what at which URL, and its look in the documentation."""

from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

ROLES = ("anonymous", "owner", "other user", "manager", "content manager", "superuser", "blocked owner")
Outcomes = tuple[str, ...]
LOG_IN = "log in"


@dataclass(frozen=True)
class Row:
    """What each role gets: page, elsewhere (a redirect), done, invalid (the form again), log in, a status."""

    get: Outcomes
    post: Outcomes


def public(what: str) -> Outcomes:
    return (what,) * 7


def visitors(what: str, signed_in: str) -> Outcomes:
    """For those who are not signed in; others are redirected."""
    return (what, *(signed_in,) * 5, what)


def while_open(what: str) -> Outcomes:
    """For everybody, unless the form's owner is blocked."""
    return (*(what,) * 6, "404")


def users(what: str) -> Outcomes:
    return (LOG_IN, *(what,) * 5, LOG_IN)


def makers(what: str) -> Outcomes:
    """For all but managers, who have no mailings of their own."""
    return (LOG_IN, what, what, "403", what, what, LOG_IN)


def owner(what: str) -> Outcomes:
    """For the owner of the row; those who may see everybody's are refused, others find nothing."""
    return (LOG_IN, what, "404", "403", "404", "403", LOG_IN)


def owner_and_managers(what: str) -> Outcomes:
    return (LOG_IN, what, "404", what, "404", what, LOG_IN)


def managers_of_mailings(what: str) -> Outcomes:
    """The owner sees the switch thrown and may not touch it; others do not even see the mailing."""
    return (LOG_IN, "403", "404", what, "404", what, LOG_IN)


def managers(what: str) -> Outcomes:
    return (LOG_IN, "403", "403", what, "403", what, LOG_IN)


def superusers(what: str) -> Outcomes:
    return (LOG_IN, "403", "403", "403", "403", what, LOG_IN)


PAGE, ELSEWHERE, DONE, INVALID, NONE = "page", "elsewhere", "done", "invalid", "405"
LIST = Row(users(PAGE), users(NONE))
CREATE = Row(makers(PAGE), makers(INVALID))
EDIT = Row(owner(PAGE), owner(INVALID))
DELETE = Row(owner(PAGE), owner(DONE))
SWITCH = Row(users(ELSEWHERE), owner(DONE))  # log-in returns to its page
VIEW = Row(owner_and_managers(PAGE), users(NONE))
COLUMNS = Row(users(PAGE), users(DONE))
STATIC = Row(public(PAGE), public(NONE))
OWN_FORM = Row(users(PAGE), users(INVALID))
REAUTHENTICATE = Row(users(ELSEWHERE), users(DONE))  # to the page that asks for the password again
WITHOUT_TWO_FACTOR = Row(users("404"), users("404"))
ONLY_WHILE_DEBUG = Row(public("404"), public("404"))

TABLE: dict[str, Row] = {
    "home": STATIC,
    "blog": STATIC,
    "article": STATIC,
    "blog_rss": STATIC,
    "blog_atom": STATIC,
    "sitemap": STATIC,
    "sitemap_part": STATIC,
    "robots": STATIC,
    "media": Row(public("404"), public(NONE)),  # of a missing file
    "healthz": Row(public(PAGE), public(DONE)),
    "set_language": Row(public(NONE), public(DONE)),
    "unsubscribe": Row(public(PAGE), public(DONE)),
    "unsubscribe_bare": Row(public(PAGE), public(DONE)),
    "unsubscribe_why": Row(public(PAGE), public(NONE)),
    "unsubscribe_data": Row(public(PAGE), public(NONE)),
    "unsubscribe_forget": Row(public(PAGE), public(DONE)),
    "join": Row(while_open(PAGE), while_open(INVALID)),
    "join_embed": Row(while_open(PAGE), while_open(INVALID)),
    "join_sent": Row(while_open(PAGE), public(NONE)),
    "join_embed_sent": Row(while_open(PAGE), public(NONE)),
    "join_confirm": Row(public("404"), public("404")),  # with a link that is made up
    # One's own account
    "account_signup": Row(visitors(PAGE, ELSEWHERE), visitors(INVALID, DONE)),
    "account_login": Row(visitors(PAGE, ELSEWHERE), visitors(INVALID, DONE)),
    "account_logout": Row(users(PAGE), public(LOG_IN)),
    "account_inactive": STATIC,
    "account_email_verification_sent": STATIC,
    "account_confirm_email": Row(public(PAGE), public("404")),  # with a link that is made up
    "account_reset_password": Row(public(PAGE), public(INVALID)),
    "account_reset_password_done": STATIC,
    "account_reset_password_from_key": Row(public(PAGE), public(INVALID)),  # the same
    "account_reset_password_from_key_done": STATIC,
    "account_confirm_login_code": REAUTHENTICATE,
    "account_reauthenticate": OWN_FORM,
    "account_profile": OWN_FORM,
    "account_email": Row(users(PAGE), users(DONE)),
    "account_change_password": OWN_FORM,
    "account_set_password": REAUTHENTICATE,  # to the change, where there is a password
    "account_delete": OWN_FORM,
    "account_notices": Row(users(PAGE), users(DONE)),
    "notifications": LIST,
    "session_alive": LIST,
    "mfa_index": LIST,
    "mfa_authenticate": REAUTHENTICATE,
    "mfa_reauthenticate": REAUTHENTICATE,
    "mfa_activate_totp": REAUTHENTICATE,
    "mfa_deactivate_totp": WITHOUT_TWO_FACTOR,
    "mfa_list_webauthn": LIST,
    "mfa_add_webauthn": REAUTHENTICATE,
    "mfa_reauthenticate_webauthn": REAUTHENTICATE,
    "mfa_edit_webauthn": REAUTHENTICATE,
    "mfa_remove_webauthn": REAUTHENTICATE,
    "mfa_login_webauthn": REAUTHENTICATE,  # visitors are redirected to the log-in page, which asks
    "mfa_view_recovery_codes": Row(users("404"), users(NONE)),
    "mfa_generate_recovery_codes": REAUTHENTICATE,
    "mfa_download_recovery_codes": WITHOUT_TWO_FACTOR,
    "usersessions_list": Row(users(PAGE), users(DONE)),
    # Users
    "users": Row(managers(PAGE), managers(NONE)),
    "users_columns": Row(managers(PAGE), managers(DONE)),
    "audit_columns": Row(managers(PAGE), managers(DONE)),
    "service": Row(managers(PAGE), managers(NONE)),
    "audit": Row(managers(PAGE), managers(NONE)),
    "user_avatar": Row(users("404"), users(NONE)),  # of a user without a picture
    "user_allowance": Row(managers(PAGE), managers(DONE)),
    "user_block": Row(managers(PAGE), managers(INVALID)),
    "user_admit": Row(managers(ELSEWHERE), managers(DONE)),
    "user_unblock": Row(managers(ELSEWHERE), managers(DONE)),
    "user_create": Row(superusers(PAGE), superusers(INVALID)),
    "user_edit": Row(superusers(PAGE), superusers(INVALID)),
    "user_delete": Row(superusers(PAGE), superusers(DONE)),
    # Clients and groups
    "clients": LIST,
    "client_create": CREATE,
    "find": LIST,
    "client_find": Row(makers(PAGE), makers(NONE)),
    "client_detail": Row(owner(PAGE), users(NONE)),
    "client_edit": EDIT,
    "client_delete": DELETE,
    "client_forget": DELETE,
    "clients_bulk": Row(makers(ELSEWHERE), makers("404")),  # without the name of an action
    "bulk_detail": Row(owner(PAGE), users(NONE)),
    "bulk_stop": SWITCH,
    "bulk_undo": SWITCH,
    "attributes": LIST,
    "attribute_create": CREATE,
    "attribute_delete": DELETE,
    "client_columns": Row(makers(PAGE), makers(DONE)),
    "imports": CREATE,
    "import_detail": Row(owner(PAGE), owner(DONE)),  # of one that has ended: the form is that of a draft
    "import_stop": SWITCH,
    "import_take_back": DELETE,
    "import_refused": Row(owner(PAGE), users(NONE)),
    "clients_export": Row(makers(PAGE), makers(NONE)),
    "subscription_forms": LIST,
    "subscription_form_create": CREATE,
    "subscription_form_detail": Row(owner(PAGE), users(NONE)),
    "subscription_form_edit": EDIT,
    "subscription_form_delete": DELETE,
    "stop_list": LIST,
    "stop_create": CREATE,
    "stop_import": CREATE,
    "stop_export": Row(makers(PAGE), makers(NONE)),
    "stop_lift": DELETE,
    "opt_outs": LIST,
    "opt_outs_export": Row(makers(PAGE), makers(NONE)),
    "optout_lift": DELETE,
    "groups": LIST,
    "groups_columns": COLUMNS,
    "group_export": Row(owner(PAGE), users(NONE)),
    "group_create": CREATE,
    "group_detail": Row(owner(PAGE), users(NONE)),
    "group_edit": EDIT,
    "group_delete": DELETE,
    "group_rule_create": CREATE,
    "group_rule_edit": EDIT,
    "group_remove": SWITCH,
    # Messages
    "messages": LIST,
    "messages_columns": COLUMNS,
    "messages_bulk": Row(makers(ELSEWHERE), makers("404")),  # without the name of an action
    "mailings_bulk": Row(makers(ELSEWHERE), makers("404")),
    "message_create": CREATE,
    "message_edit": EDIT,
    "draft_preview": Row(owner(PAGE), makers(NONE)),
    "draft_html": Row(owner(PAGE), makers(NONE)),
    "message_check": Row(owner(PAGE), owner(DONE)),
    "message_versions": Row(owner(PAGE), owner("404")),  # of a missing version
    "pictures": CREATE,
    "picture_delete": DELETE,
    "message_picture": Row(public("404"), public(NONE)),  # of a missing file
    "message_delete": EDIT,  # of a message in use: it stays, and says why
    "message_preview": VIEW,
    "message_copy": SWITCH,
    "attachment": Row(owner("404"), users(NONE)),  # of a missing file
    "message_archive": SWITCH,
    "message_unarchive": SWITCH,
    "message_public_set": SWITCH,
    "message_public": Row(public("404"), public(NONE)),  # of a page that is closed
    "mail_view": Row(public("404"), public(NONE)),  # of a missing mail
    "mail_view_bare": Row(public("404"), public(NONE)),
    "message_preview_html": VIEW,
    "message_test": Row(users(ELSEWHERE), owner(INVALID)),
    "senders": CREATE,
    "sender_domain": SWITCH,
    "reply_address": SWITCH,
    "reply_confirm": Row(public(PAGE), public("404")),  # with a link that is made up
    "archive": Row(makers(PAGE), makers(DONE)),
    "archive_file": Row((LOG_IN, "404", "404", "403", "404", "403", LOG_IN), makers(NONE)),  # of no file
    "start": LIST,
    # Mailings
    "mailings": LIST,
    "mailings_columns": COLUMNS,
    "mailing_create": CREATE,
    "mailing_recipients": Row(makers(ELSEWHERE), makers(DONE)),
    "mailing_detail": VIEW,
    "mailing_edit": EDIT,
    "mailing_clone": EDIT,
    "mailing_delete": DELETE,
    "mailing_pause": SWITCH,
    "mailing_resume": SWITCH,
    "mailing_check": Row(owner(PAGE), makers(NONE)),
    "mailing_run": EDIT,
    "mailing_disable": Row(managers_of_mailings(PAGE), managers_of_mailings(INVALID)),
    "mailing_release": Row(managers_of_mailings(PAGE), managers_of_mailings(INVALID)),
    "mailing_enable": Row(managers_of_mailings(ELSEWHERE), managers_of_mailings(DONE)),
    # Reports
    "reports": LIST,
    "reports_columns": COLUMNS,
    "report_figures": LIST,
    "reports_export": LIST,
    "attempt_detail": VIEW,
    "attempt_export": Row(owner(PAGE), users(NONE)),
    "receipt": Row(owner(PAGE), users(NONE)),
    "receipt_html": Row(owner(PAGE), users(NONE)),
    "receipt_mail": Row(owner(PAGE), users(NONE)),
    "attempt_html": VIEW,
    "attempt_retry": SWITCH,
    "attempt_again": EDIT,
    "outbox": ONLY_WHILE_DEBUG,
    "outbox_mail": ONLY_WHILE_DEBUG,
    "outbox_html": ONLY_WHILE_DEBUG,
}

INTRODUCTION = """# Who may do what

What every URL of the site answers to every role, when the row in its address belongs to the owner.
A test asks all of them, by GET and by an empty POST, as a plain browser and as htmx, and a URL that is not
in this table fails it. This page is written by that test, see `site_config/tests/test_permissions.py`.

**page**: it is shown · **elsewhere**: a redirect · **done**: the POST acted · **invalid**: the form comes
back with messages · **log in**: to the page of that name · **403**: visible but not allowed · **404**: not
there for this user · **405**: there is no such thing as a POST (or GET) here.

Managers see lists of all mailings and runs, and recipients as a number; other users see lists of their own.
The administration (`/admin/`) is for the staff: content managers for the blog, superusers for all.

"""


def as_markdown() -> str:
    head = ["URL", "", *ROLES]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in TABLE.items():
        lines.append(f"| `{name}` | GET | {' | '.join(row.get)} |")
        lines.append(f"| | POST | {' | '.join(row.post)} |")
    return INTRODUCTION + "\n".join(lines) + "\n"


def address(name: str, arguments: Any) -> str:
    """The path of a URL by its name, with what the `arguments` fixture says stands in it."""
    try:
        return reverse(name)
    except NoReverseMatch:  # it needs arguments
        return reverse(name, kwargs=arguments(name))
