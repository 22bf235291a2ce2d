"""Settings: all of them in .env.sample; a missing or wrong one is one clear line, and nothing starts."""

import os
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from site_config import environment

READ = re.compile(
    r"\b(?:env\.\w+|number|switch|choice|database|redis|mail_server|sender|another_sender|dkim_keys"
    r"|dns_servers|socket_address|site_url|module_path)"
    r'\(\s*"([A-Z_]+)"'
)
OFFERED = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)

SITE_URL = "SITE_URL must look like https://mail.example.com, not"
EMAIL_URL = "EMAIL_URL must look like smtp+tls://user:password@smtp.example.com:587, not"
FROM = "DEFAULT_FROM_EMAIL must look like Example <news@example.com>, not"
ANOTHER = "must be another address than mailings@localhost.localdomain, where mailings come from."
BACKEND = "EMAIL_BACKEND names 'no.such.Backend', which is not installed."
RATE = "MAIL_RATE_PER_MINUTE must be a whole number from 0 to 1000000, not"


def start(*command, **environment):
    values = {"ENV_FILE": os.devnull, "SECRET_KEY": "x" * 50, "VAR_DIR": str(settings.VAR_DIR), **environment}
    return subprocess.run(
        list(command) or [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], **values},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
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
        ("ACCOUNT_FROM_EMAIL", "nobody", f"{FROM.replace('DEFAULT', 'ACCOUNT')} 'nobody'."),
        ("ACCOUNT_FROM_EMAIL", "Us <Mailings@localhost.localdomain>", f"ACCOUNT_FROM_EMAIL {ANOTHER}"),
        ("MAIL_WINDOW", "0", "MAIL_WINDOW must be a whole number from 1 to 10000, not '0'."),
        ("MAIL_TIMEOUT", "soon", "MAIL_TIMEOUT must be a whole number from 1 to 600, not 'soon'."),
        ("MAIL_RATE_PER_MINUTE", "-1", f"{RATE} '-1'."),
        ("TRUSTED_PROXIES", "99", "TRUSTED_PROXIES must be a whole number from 0 to 10, not '99'."),
        ("SITE_URL", "https://mail.example.com/path", f"{SITE_URL} 'https://mail.example.com/path'."),
        ("SITE_URL", "https://me@mail.example.com", f"{SITE_URL} 'https://me@mail.example.com'."),
        ("SITE_URL", "https://mail.example.com:port", f"{SITE_URL} 'https://mail.example.com:port'."),
        ("EMAIL_BACKEND", "no.such.Backend", BACKEND),
        ("HSTS_PRELOAD", "maybe", "HSTS_PRELOAD must be True or False, not 'maybe'."),
        ("SIGNUP", "maybe", "SIGNUP must be open, review, invite or closed, not 'maybe'."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not 'LOUD'."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_clear_line(name, value, says):
    result = start(**{name: value})
    assert (result.returncode, result.stderr) == (1, f"Settings: {says}\n")


ENCODE = "a user or password with / ? # @ % [ ] or a blank must be percent-encoded, @ as %40."
POSTGRES = "DATABASE_URL must look like postgres://user:password@127.0.0.1:5432/name, not"
REDIS = "REDIS_URL must look like redis://:password@127.0.0.1:6379/0, not"


def said(read, name, value, monkeypatch, **options):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        read(name, **options)
    return str(refused.value)


def email(name):
    return environment.mail_server(name, default="smtp://127.0.0.1:1025")


def data(name):
    return environment.database(name, default="sqlite:////tmp/x.sqlite3")


@pytest.mark.parametrize(
    "password", ["p@ss/w:rd#%x", "a/b", "a?b", "a#b", "a@b", "a%b", "a%zz", "a b", "a[b", "a]b", "a\tb"]
)
@pytest.mark.parametrize(
    ("name", "read", "url"),
    [
        ("EMAIL_URL", email, "smtp+tls://user:{}@mail.example.com:587"),
        ("DATABASE_URL", data, "postgres://user:{}@127.0.0.1:5432/name"),
        ("REDIS_URL", environment.redis, "redis://:{}@127.0.0.1:6379/0"),
    ],
)
def test_a_password_that_must_be_encoded_is_named_and_never_shown(name, read, url, password, monkeypatch):
    assert said(read, name, url.format(password), monkeypatch) == f"{name}: {ENCODE}"


@pytest.mark.parametrize(
    ("name", "read", "url", "says"),
    [
        ("EMAIL_URL", email, "smtp://", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "mail.example.com", f"{EMAIL_URL} 'mail.example.com://…'."),
        ("EMAIL_URL", email, "smtp://host:many", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://host:70000", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://host:0", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://user:pass@", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://host/path", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://ho st", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtp://host#x", f"{EMAIL_URL} 'smtp://…'."),
        ("EMAIL_URL", email, "smtps://host", f"{EMAIL_URL} 'smtps://…'."),
        ("DATABASE_URL", data, "postgres://user:pass@host", f"{POSTGRES} 'postgres://…'."),
        ("DATABASE_URL", data, "postgres://host:x/name", f"{POSTGRES} 'postgres://…'."),
        ("DATABASE_URL", data, "postgres://host/a/b", f"{POSTGRES} 'postgres://…'."),
        ("DATABASE_URL", data, "sqlite://host/x", "DATABASE_URL must begin with sqlite:// or postgres://."),
        ("DATABASE_URL", data, "nonsense", "DATABASE_URL must begin with sqlite:// or postgres://."),
        ("REDIS_URL", environment.redis, "redis://host/first", f"{REDIS} 'redis://…'."),
        ("REDIS_URL", environment.redis, "redis://host:x/0", f"{REDIS} 'redis://…'."),
    ],
)
def test_an_address_of_a_server_is_never_guessed(name, read, url, says, monkeypatch):
    assert said(read, name, url, monkeypatch) == says


def test_what_is_encoded_is_read_as_it_was_meant(monkeypatch):
    secret = quote("$p@ss/w:rd#%x ü[", safe="")
    monkeypatch.setenv("EMAIL_URL", f"smtp+tls://me%40example.com:{secret}@mail.example.com")
    assert email("EMAIL_URL") == {
        "EMAIL_HOST": "mail.example.com",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "me@example.com",
        "EMAIL_HOST_PASSWORD": "$p@ss/w:rd#%x ü[",
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
    }
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:{secret}@[::1]:5433/na%20me?sslmode=require")
    found = data("DATABASE_URL")
    assert (found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"], found["OPTIONS"]) == (
        "$p@ss/w:rd#%x ü[",
        "::1",
        5433,
        "na me",
        {"sslmode": "require"},
    )
    monkeypatch.setenv("DATABASE_URL", "postgres:////run/postgresql/mailings")
    assert (data("DATABASE_URL")["HOST"], data("DATABASE_URL")["NAME"]) == ("/run/postgresql", "mailings")
    monkeypatch.setenv("REDIS_URL", f"rediss://me:{secret}@host/3")
    assert environment.redis("REDIS_URL") == f"rediss://me:{secret}@host/3"


def test_a_value_that_begins_with_a_dollar_is_itself():
    result = start(SECRET_KEY="$secret" + "x" * 50)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_file_of_settings_that_cannot_be_read_ends_the_start(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    bytes_ = tmp_path / "bytes"
    bytes_.write_bytes(b"SECRET_KEY=\xff")
    blanks = tmp_path / "blanks"
    blanks.write_text("# a comment\n\nEMAIL_URL = smtp://user:secret@host\n")
    for path, says in (
        (folder, f"{folder} is there but cannot be read: Is a directory."),
        (tmp_path / "none", f"{tmp_path / 'none'} is there but cannot be read: No such file or directory."),
        (bytes_, f"{bytes_} is there but cannot be read: it is not UTF-8."),
        (blanks, f"{blanks}, line 3, must be NAME=value without blanks around it."),
    ):
        result = start(ENV_FILE=str(path))
        assert (result.returncode, result.stderr) == (1, f"Settings: {says}\n")


def test_a_file_of_settings_of_another_user_ends_the_start(tmp_path):
    """Mode 600, of root, and the service runs as somebody else."""
    path = tmp_path / ".env"
    path.write_text("SECRET_KEY=x")
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(0o711)
        os.seteuid(65534)
    try:
        with pytest.raises(ImproperlyConfigured, match="is there but cannot be read: Permission denied"):
            environment.read_env_file(path)
    finally:
        if root:
            os.seteuid(0)
    environment.read_env_file(tmp_path / "none")  # it need not be there


def test_gunicorn_and_the_consumer_say_it_in_one_line_too():
    says = "Settings: SITE_URL must look like https://mail.example.com, not 'x'.\n"
    consumer = start(sys.executable, "manage.py", "run_huey", SITE_URL="x")
    assert (consumer.returncode, consumer.stderr) == (1, says)
    wsgi = start(sys.executable, "-c", "import site_config.wsgi", SITE_URL="x")
    assert (wsgi.returncode, wsgi.stderr) == (3, says)
    conf = "import runpy; runpy.run_path('gunicorn.conf.py')['on_starting'](None)"
    gunicorn = start(sys.executable, "-c", conf, SITE_URL="x")
    assert (gunicorn.returncode, gunicorn.stderr) == (1, says)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = start(VAR_DIR=str(tmp_path / "file" / "var"))
    says = f"VAR_DIR is {tmp_path / 'file' / 'var'}, which cannot be made: Not a directory."
    assert (result.returncode, result.stderr) == (1, f"Settings: {says}\n")


def test_deployment_checks_ask_for_the_proxies_and_nobody_is_preloaded_unasked():
    deploy = (sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    key = "".join(chr(33 + n) for n in range(64)).replace("$", "s")
    site = {"SECRET_KEY": key, "SITE_URL": "https://mail.example.com"}
    unsaid = start(*deploy, **site)
    assert unsaid.returncode == 1
    assert unsaid.stderr.count("WARNINGS") == 1
    assert "(site_config.W001) TRUSTED_PROXIES is not set." in unsaid.stderr
    for number in ("0", "1"):
        said_so = start(*deploy, TRUSTED_PROXIES=number, **site)
        assert (said_so.returncode, said_so.stderr) == (0, "")
    show = (sys.executable, "-c", "import site_config.settings as s; print(s.SECURE_HSTS_PRELOAD)")
    assert start(*show, **site).stdout == "False\n"
    assert start(*show, HSTS_PRELOAD="yes", **site).stdout == "True\n"
