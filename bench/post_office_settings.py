"""The service's settings plus django-post_office, for comparison only."""

from site_config.settings import *  # noqa: F403  (all of them, and one app more)

INSTALLED_APPS += ["post_office"]  # noqa: F405  (as above)
POST_OFFICE = {"BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"}, "BATCH_SIZE": 10_000}
