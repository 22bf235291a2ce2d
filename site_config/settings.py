"""All settings come from the environment (or a .env file beside manage.py): see .env.sample."""

import os
import re
import socket
from email.utils import parseaddr
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from site_config.environment import (
    another_sender,
    choice,
    database,
    dkim_keys,
    dns_servers,
    env,
    folder,
    mail_server,
    module_path,
    number,
    read_env_file,
    redis,
    sender,
    site_url,
    socket_address,
    switch,
    with_time_limits,
)

BASE_DIR = Path(__file__).resolve().parent.parent
read_env_file(Path(os.environ.get("ENV_FILE", BASE_DIR / ".env")), required="ENV_FILE" in os.environ)
VAR_DIR = folder(Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))), "VAR_DIR")
HOST_NAME = r"(?=.{1,253}$)(?!\d+\.\d+\.\d+\.\d+$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"

# The site
DEBUG = switch("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY is missing: set it to 50 or more random characters.")
    SECRET_KEY = "only-for-a-local-installation-never-for-a-public-one-0123456789"  # noqa: S105  (as it says)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
_site = site_url("SITE_URL", default="http://127.0.0.1:8000")
SITE_URL = _site.geturl()
ALLOWED_HOSTS = [_site.hostname, *env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])]
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]
SITE_NAME = "Mailings"
SITE_NAMES = (SITE_NAME, "Mailing", "Рассылки")  # no user can have this name
ROOT_URLCONF = "site_config.urls"
WSGI_APPLICATION = "site_config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_filters",
    "django_htmx",
    "django_prose_editor",
    "django_tables2",
    "heroicons",
    "huey.contrib.djhuey",
    "template_partials",
    "widget_tweaks",
    "csp",
    "site_config",
    "people",
    "mailer",
    "content",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "site_config.ui.middleware.CompressedPages",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "site_config.ui.middleware.private_answers",
    "site_config.ui.middleware.limited_bodies",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "people.middleware.audit_origin",
    "people.middleware.known_browser",
    "mailer.middleware.preparing_asker",
    "people.middleware.user_language",
    "site_config.ui.middleware.user_time_zone",
    "site_config.ui.middleware.htmx_responses",
    "site_config.ui.middleware.own_not_found",
    "people.middleware.staff_two_factor",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "site_config.ui.context.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Data
DATABASES = {"default": database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Take the write lock at the start, so that two writers queue up instead of failing half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # synchronous=FULL: what is recorded as sent must survive a power failure.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # Tests use a file as well: in memory, SQLite locks differently.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
else:
    DATABASES["default"]["ENGINE"] = "site_config.postgresql"
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

REDIS_URL = redis("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A cache that does not answer must not hold up pages, which work without it.
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 2_000},
    }
}
HUEY = {
    "name": env.str("QUEUE_NAME", default="mailings"),
    "immediate": False,
    "results": False,
    "consumer": {
        "workers": number("CONSUMER_WORKERS", default=4, low=1, high=64),
        "initial_delay": 0.1,
        "max_delay": 0.2,
        "graceful_signal": "TERM",
        "shutdown_timeout": 60,
    },
    **(
        {"huey_class": "site_config.queue.RedisQueue", "connection": {"url": with_time_limits(REDIS_URL)}}
        if REDIS_URL
        else {
            "huey_class": "site_config.queue.EmbeddedQueue",
            "connection": {"filename": str(VAR_DIR / "queue.sqlite3"), "strict_fifo": True},
        }
    ),
}

# Mail
_mail = mail_server("EMAIL_URL", default="smtp://127.0.0.1:1025")
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["EMAIL_USE_TLS"], _mail["EMAIL_USE_SSL"]
EMAIL_BACKEND = module_path("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
MAIL_DIR = VAR_DIR / "mail"
DEFAULT_FROM_EMAIL = sender("DEFAULT_FROM_EMAIL", default="mailings@localhost.localdomain")
ACCOUNT_FROM_EMAIL = another_sender("ACCOUNT_FROM_EMAIL", than=DEFAULT_FROM_EMAIL)
SERVER_EMAIL = ACCOUNT_FROM_EMAIL
MAIL_DKIM_KEYS = dkim_keys("MAIL_DKIM_KEYS")
_domain = parseaddr(DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
MAIL_DKIM_DOMAIN = (env.str("MAIL_DKIM_DOMAIN", default="") or _domain).lower()
if MAIL_DKIM_KEYS and not re.fullmatch(HOST_NAME, MAIL_DKIM_DOMAIN):
    raise ImproperlyConfigured(f"MAIL_DKIM_DOMAIN must look like example.com, not {MAIL_DKIM_DOMAIN!r}.")
MAIL_UNSUBSCRIBE_MAILTO = env.str("MAIL_UNSUBSCRIBE_MAILTO", default="")
MAIL_WINDOW = number("MAIL_WINDOW", default=100, low=1, high=10_000)
MAIL_TIMEOUT = EMAIL_TIMEOUT = number("MAIL_TIMEOUT", default=20, low=1, high=600)
MAIL_MAX_TRIES = number("MAIL_MAX_TRIES", default=10, low=1, high=20)
MAIL_STOP_AFTER = number("MAIL_STOP_AFTER", default=20, low=1, high=1000)
# A name with a dot, as servers require for EHLO (RFC 5321 section 4.1.4): the site's, or this machine's.
_names = (env.str("MAIL_EHLO_NAME", default=""), _site.hostname or "", socket.getfqdn())
MAIL_EHLO_NAME = next((name for name in _names if re.fullmatch(HOST_NAME, name)), "localhost.localdomain")
if _names[0] and _names[0] != MAIL_EHLO_NAME:
    raise ImproperlyConfigured(f"MAIL_EHLO_NAME must look like mail.example.com, not {_names[0]!r}.")
MAIL_TLS_CA_FILE = env.str("MAIL_TLS_CA_FILE", default="")
if MAIL_TLS_CA_FILE and not os.access(MAIL_TLS_CA_FILE, os.R_OK):
    raise ImproperlyConfigured(f"MAIL_TLS_CA_FILE cannot be read: {MAIL_TLS_CA_FILE!r}.")
MAIL_TLS_FINGERPRINT = env.str("MAIL_TLS_FINGERPRINT", default="").replace(":", "").strip().lower()
if not re.fullmatch("(?:[0-9a-f]{64})?", MAIL_TLS_FINGERPRINT):
    raise ImproperlyConfigured("MAIL_TLS_FINGERPRINT must be a SHA-256 fingerprint: 64 hexadecimal digits.")
MAIL_SLICE_SECONDS = number("MAIL_SLICE_SECONDS", default=5, low=1, high=600)
MAIL_CONNECTIONS = number("MAIL_CONNECTIONS", default=8, low=1, high=256)
MAIL_WORKERS = number("MAIL_WORKERS", default=4, low=1, high=64)
MAIL_RATE_PER_MINUTE = number("MAIL_RATE_PER_MINUTE", default=0, low=0, high=1_000_000)
MAIL_RATE_PER_MAILING = number("MAIL_RATE_PER_MAILING", default=0, low=0, high=1_000_000)
DNS_SERVERS = dns_servers("DNS_SERVERS")
SPAMD = socket_address("SPAMD")
KEEP_DELIVERIES_DAYS = number("KEEP_DELIVERIES_DAYS", default=365, low=0, high=36_500)

# People
AUTH_USER_MODEL = "people.User"
SIGNUP = choice("SIGNUP", default="open", among=("open", "review", "invite", "closed"))
GUARD = switch("GUARD", default=True)
NEW_ACCOUNT_MAILS_PER_DAY = number("NEW_ACCOUNT_MAILS_PER_DAY", default=200, low=0, high=10_000_000)
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # the email is unique, without case: people_user_email_unique
    "security.W021",  # HSTS_PRELOAD is for those who ask for it
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "people.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "people.forms.signup.SignupExtras"
ACCOUNT_FORMS = {
    "login": "people.forms.entrance.Login",
    "signup": "people.forms.entrance.Signup",
    "reset_password": "people.forms.entrance.ResetPassword",
    "reset_password_from_key": "people.forms.entrance.ResetPasswordKey",
    "change_password": "people.forms.entrance.ChangePassword",
    "set_password": "people.forms.entrance.SetPassword",
    "add_email": "people.forms.entrance.AddEmail",
    "reauthenticate": "people.forms.entrance.Reauthenticate",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # otherwise anybody could make us mail anybody
ACCOUNT_CHANGE_EMAIL = True  # one address each; a new one counts once confirmed
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # only in the browser that registered
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {  # besides allauth's own
    # Wrong passwords: by network, by account and network, and by account from anywhere.
    "login_failed": "10/m/ip,5/300s/key",
    "login_failed_anywhere": "50/h/key",
    "reset_password": "20/m/ip,5/d/key",
    "account_email": "5/d/key",
    "message_test": "20/d/user" if GUARD else "1000/d/user",
    "message_check": "60/h/user",
    "sender_domain": "60/h/user",
    "reply_address": "10/d/user",
    "message_picture": "120/h/user",
    # Sign-up forms: by network and form, with the browser's proof of work and without; by address, in all.
    "join": "20/h/key",
    "join_form": "1000/h/key",
    "join_unproved": "3/h/key",
    "join_unproved_form": "20/h/key",
    "join_address": "3/d/key",
    "recipient_data": "20/h/key",  # by the address in the link
    "picture": "20/h/user",
    "article_picture": "120/h/user",
}
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # in this browser; all others are logged out
TRUSTED_PROXIES = number("TRUSTED_PROXIES", default=0, low=0, high=10)
TRUSTED_PROXIES_GIVEN = bool(env.str("TRUSTED_PROXIES"))
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "people.two_factor.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _site.scheme == "http"  # which browsers allow on localhost only
STAFF_TWO_FACTOR = switch("STAFF_TWO_FACTOR", default=False)
MFA_FORMS = {
    "activate_totp": "people.forms.entrance.ActivateTotp",
    "authenticate": "people.forms.entrance.EnterCode",
    "login_webauthn": "people.forms.entrance.LoginByPasskey",
    "authenticate_webauthn": "people.forms.entrance.AuthenticateByPasskey",
    "reauthenticate_webauthn": "people.forms.entrance.ReauthenticateByPasskey",
    "add_webauthn": "people.forms.entrance.AddPasskey",
    "edit_webauthn": "people.forms.entrance.RenamePasskey",
    "reauthenticate": "people.forms.entrance.EnterCodeAgain",
}
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_TOTP_ISSUER = SITE_NAME
USERSESSIONS_TRACK_ACTIVITY = False  # "last seen" is not worth a write per request
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "start"
LOGOUT_REDIRECT_URL = "account_login"

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Files
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = VAR_DIR / "media"
MEDIA_URL = "media/"
ARCHIVE_DIR = VAR_DIR / "archives"  # what owners take with them: private, served to its owner alone
IMPORT_DIR = VAR_DIR / "imports"  # what people upload to import: private, never served
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# Protection
_https = _site.scheme == "https"
SECURE_SSL_REDIRECT = switch("SECURE_SSL_REDIRECT", default=_https)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = switch("HSTS_PRELOAD", default=False)  # the browsers' preload list is hard to leave
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"  # except the frames in which this site shows a mail
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # of a form without files, and of any anonymous request
UPLOAD_LIMIT_MB = number("UPLOAD_LIMIT_MB", default=100, low=1, high=2_000)
IMPORT_LIMIT_MB = number("IMPORT_LIMIT_MB", default=min(50, UPLOAD_LIMIT_MB), low=1, high=UPLOAD_LIMIT_MB)
FILES_PER_USER_MB = number("FILES_PER_USER_MB", default=1_000, low=1, high=1_000_000)
MESSAGE_TAGS = {10: "secondary", 20: "info", 25: "success", 30: "warning", 40: "danger"}

DJANGO_TABLES2_TEMPLATE = "includes/table.html"

LOG_LEVEL = choice("LOG_LEVEL", default="INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "refusals": {"()": "site_config.logs.NoTraceOfRefusals"},
        "once": {"()": "site_config.logs.OnceAMinute"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals", "once"]}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{
            name: {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False}
            for name in ("mailer", "django.security")
        },
        # A line per task would bury the rest. Django's own handlers would log a refusal again, with its
        # traceback.
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "huey": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
