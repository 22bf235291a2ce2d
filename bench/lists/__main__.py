"""How long the lists take for an owner with a million clients, beside one with a thousand.

python -m bench.lists build    makes the database of DATABASE_URL anew (its name must begin with bench_)
python -m bench.lists measure  prints the time of each page for both owners, in the same run
    --page docs/scale.md writes them into the table of that page
python -m bench.lists endings  measures what takes large things apart, and uses them up
python -m bench.lists drop     removes the database

The time is the server's, through Django's test client: the slowest of 95 % of the rounds, in ms. On a machine
that others use, --processor tells more.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
os.environ.setdefault("SECRET_KEY", "bench")
os.environ["ENV_FILE"] = os.devnull
os.environ["SITE_URL"] = "http://testserver"
os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="bench-lists-"))

import django

django.setup()

import psycopg
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, reset_queries
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext, override_settings, setup_test_environment

from bench.lists import data, endings
from bench.lists.pages import AREAS, PAGES, Page
from mailer.models import Attempt, Client, Mailing
from people.models import User

STATIC = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
TIMEOUT_SECONDS = 20
TABLE_BEGINS, TABLE_ENDS = "<!-- table: {} -->", "<!-- end of the table: {} -->"
PEOPLE = {"big": "big@example.com", "small": "small@example.com"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lists")
    parser.add_argument("command", choices=("build", "measure", "endings", "drop"))
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--ledgers", type=int, default=0, help="earlier runs that keep their deliveries")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--areas", nargs="*", choices=AREAS, default=AREAS)
    parser.add_argument(
        "--processor", action="store_true", help="processor time of site and database, on average: what else "
        "runs on the machine does not count (the database on this machine)",
    )  # fmt: skip
    parser.add_argument("--runs", type=int, default=3, help="further runs of the mailing that is deleted")
    parser.add_argument("--page", type=Path, help="a Markdown page whose table is written anew")
    parser.add_argument("--save", type=Path, help="write the table as JSON, or add to it")
    asked = parser.parse_args()
    setup_test_environment(debug=False)
    with override_settings(STORAGES=STATIC, WHITENOISE_AUTOREFRESH=True):
        {"build": build, "measure": measure, "endings": endings.run, "drop": lambda _: drop()}[asked.command](
            asked
        )


def build(asked: argparse.Namespace) -> None:
    drop(again=True)
    call_command("migrate", verbosity=0)
    call_command("loaddata", "groups", verbosity=0)
    superuser = User.objects.create_superuser("superuser@example.com", "-")
    manager = User.objects.create_user("manager@example.com", "-", language="en")
    manager.groups.add(*_groups("Manager"))
    with data.indexed_at_the_end():
        for name, number in (("big", asked.clients), ("small", 1_000)):
            began = time.monotonic()
            owner = User.objects.create_user(PEOPLE[name], "-")
            data.build(owner, clients=number, ledgers=asked.ledgers)
            print(f"{name}: {number} clients in {time.monotonic() - began:.0f} s", flush=True)
    data.analyse()
    print(f"superuser {superuser.pk}, manager {manager.pk}")


def _groups(name: str) -> Any:
    from django.contrib.auth.models import Group

    return Group.objects.filter(name=name)


def drop(*, again: bool = False) -> None:
    database = settings.DATABASES["default"]
    name = str(database["NAME"])
    if connection.vendor != "postgresql":
        connection.close()
        Path(name).unlink(missing_ok=True)
        return
    if not name.startswith("bench_"):
        sys.exit("The name of the database must begin with bench_: it is removed.")
    connection.close()
    keys = {"USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    place = {key: database[setting] or None for setting, key in keys.items()}
    with psycopg.connect(dbname="postgres", autocommit=True, **place) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        if again:
            server.execute(f'CREATE DATABASE "{name}"')


def owned(email: str) -> data.Owned:
    owner = User.objects.get(email=email)
    attempt = Attempt.objects.filter(mailing__owner=owner).latest("pk")
    mailing = Mailing.objects.filter(owner=owner, attempts=None).earliest("pk")
    return data.Owned(
        owner=owner,
        group=owner.clientgroups.picked().get(),
        ruled=owner.clientgroups.exclude(rule=None).get(),
        mailing=mailing,
        attempt=attempt,
        clients=Client.objects.filter(owner=owner).count(),
    )


def measure(asked: argparse.Namespace) -> None:
    people = {name: owned(email) for name, email in PEOPLE.items()}
    browsers = {
        name: _signed_in(email)
        for name, email in {
            **PEOPLE,
            "manager": "manager@example.com",
            "superuser": "superuser@example.com",
        }.items()
    }
    browsers["nobody"] = Browser(raise_request_exception=False)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{TIMEOUT_SECONDS}s'")
    found = {}
    print(f"{'':44} {'big':>9} {'small':>9} {'ratio':>7} {'queries':>8}", flush=True)
    for page in PAGES:
        if page.area in asked.areas:
            measured = _processor_row if asked.processor else _row
            found[f"{page.area}: {page.name}"] = row = measured(page, people, browsers, asked.rounds)
            print(_line(f"{page.area}: {page.name}", row), flush=True)
    if asked.page:
        write_table(asked.page, found)
    if asked.save:
        kept = json.loads(asked.save.read_text()) if asked.save.exists() else {}
        asked.save.write_text(json.dumps(kept | found, indent=1) + "\n")


def write_table(page: Path, rows: dict[str, dict[str, Any]]) -> None:
    """Put the figures between the two marks of a Markdown page that are for this database."""
    text = page.read_text(encoding="utf-8")
    begins, ends = (mark.format(connection.vendor) for mark in (TABLE_BEGINS, TABLE_ENDS))
    before, after = text.partition(begins)[0], text.partition(ends)[2]
    lines = ["| page | big | small | ratio | queries |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        cells = (f"{row['big']:.0f}", f"{row['small']:.0f}", f"{row['ratio']:.1f}", str(row["queries"]))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    table = "\n".join([begins, *lines, ends])
    page.write_text(f"{before}{table}{after}", encoding="utf-8")


def _signed_in(email: str) -> Browser:
    browser = Browser(raise_request_exception=False)
    browser.force_login(User.objects.get(email=email))
    return browser


def _row(
    page: Page, people: dict[str, data.Owned], browsers: dict[str, Browser], rounds: int
) -> dict[str, Any]:
    times: dict[str, list[float]] = {"big": [], "small": []}
    queries = status = 0
    for _ in range(rounds + 1):
        for name, whose in people.items():
            if times[name] and times[name][-1] > 1000 * TIMEOUT_SECONDS / 8:
                continue  # once is enough
            browser = browsers[name if page.who == "owner" else page.who]
            took, number, status = _once(page, whose, browser)
            times[name].append(took)
            queries = max(queries, number)
    p95 = {name: _p95(values[1:] or values) for name, values in times.items()}
    return {**p95, "ratio": p95["big"] / p95["small"], "queries": queries, "status": status}


def _processor_row(
    page: Page, people: dict[str, data.Owned], browsers: dict[str, Browser], rounds: int
) -> dict[str, Any]:
    spent: dict[str, float] = {}
    queries = status = 0
    for name, whose in people.items():
        browser = browsers[name if page.who == "owner" else page.who]
        _once(page, whose, browser)
        began = _processor_seconds()
        for _ in range(rounds):
            _took, number, status = _once(page, whose, browser)
            queries = max(queries, number)
        spent[name] = (_processor_seconds() - began) * 1000 / rounds
    return {**spent, "ratio": spent["big"] / spent["small"], "queries": queries, "status": status}


def _processor_seconds() -> float:
    """What this process and its session of the database have used."""
    if connection.vendor != "postgresql":  # SQLite runs in this process
        return time.process_time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text()
    ticks = sum(int(number) for number in stat.rpartition(")")[2].split()[11:13])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _once(page: Page, whose: data.Owned, browser: Browser) -> tuple[float, int, int]:
    if page.cold:
        cache.clear()
    posted = page.data(whose) if page.data else None
    reset_queries()  # Django keeps the latest 9,000, and counts none beyond
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        response = browser.post(page.url(whose), posted) if posted else browser.get(page.url(whose))
        took = (time.perf_counter() - began) * 1000
    if response.status_code not in (200, 500, 503):
        raise SystemExit(f"{page.url(whose)}: {response.status_code}")
    return took, len(captured), response.status_code


def _p95(values: list[float]) -> float:
    return sorted(values)[-(-len(values) * 95 // 100) - 1]


def _line(name: str, row: dict[str, Any]) -> str:
    big = f"{row['big']:9.0f}" if row["big"] < 1000 * TIMEOUT_SECONDS else f"   > {TIMEOUT_SECONDS} s"
    return f"{name:44} {big} {row['small']:9.0f} {row['ratio']:7.1f} {row['queries']:8}"


if __name__ == "__main__":
    main()
