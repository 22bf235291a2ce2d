"""Settings: all of them in .env.sample; a missing or wrong one is one clear line, and nothing starts."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

READ = re.compile(r'\b(?:env\.\w+|number|switch)\(\s*"([A-Z_]+)"')
OFFERED = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)

SITE_URL = "SITE_URL must look like https://mail.example.com, not"
EMAIL_URL = "EMAIL_URL must look like smtp+tls://user:password@smtp.example.com:587, not"
FROM = "DEFAULT_FROM_EMAIL must look like Example <news@example.com>, not"
RATE = "MAIL_RATE_PER_MINUTE must be a whole number from 0 to 1000000, not"


def start(**environment):
    values = {"ENV_FILE": os.devnull, "SECRET_KEY": "x" * 50, "VAR_DIR": str(settings.VAR_DIR), **environment}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], **values},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sample_names_every_setting_and_no_other():
    source = (settings.BASE_DIR / "site_config" / "settings.py").read_text()
    sample = (settings.BASE_DIR / ".env.sample").read_text()
    assert set(OFFERED.findall(sample)) == set(READ.findall(source))


def test_good_settings_start():
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is missing: set it to 50 or more random characters."),
        ("DEBUG", "perhaps", "DEBUG must be True or False, not 'perhaps'."),
        ("SITE_URL", "mail.example.com", f"{SITE_URL} 'mail.example.com'."),
        ("DATABASE_URL", "mysql://x@y/z", "DATABASE_URL must begin with sqlite:// or postgres://."),
        ("REDIS_URL", "http://x", "REDIS_URL must begin with redis://, rediss:// or unix://."),
        ("EMAIL_URL", "http://x", f"{EMAIL_URL} 'http://…'."),
        ("DEFAULT_FROM_EMAIL", "nobody", f"{FROM} 'nobody'."),
        ("MAIL_WINDOW", "0", "MAIL_WINDOW must be a whole number from 1 to 10000, not '0'."),
        ("MAIL_TIMEOUT", "soon", "MAIL_TIMEOUT must be a whole number from 1 to 600, not 'soon'."),
        ("MAIL_RATE_PER_MINUTE", "-1", f"{RATE} '-1'."),
        ("TRUSTED_PROXIES", "99", "TRUSTED_PROXIES must be a whole number from 0 to 10, not '99'."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not 'LOUD'."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_clear_line(name, value, says):
    result = start(**{name: value})
    assert (result.returncode, result.stderr) == (1, f"Settings: {says}\n")
