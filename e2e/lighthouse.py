"""Google's Lighthouse on the main pages, as a phone with its defaults sees them: `make lighthouse`.

The site runs as in production, without DEBUG. A page passes with 95 for performance and 100 for accessibility
and best practices; public pages also with 100 for what search engines read. Performance depends on what else
keeps the machine busy. Needs npm.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from e2e.conftest import ARGUMENTS, PASSWORD
from e2e.stack import Stack, running, web_beside

VERSION = "12.8.2"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
OWNER = "olga@example.com"
PUBLIC = {"home": "/", "article": "/blog/make-leaving-easy/", "log-in": "/accounts/login/"}
OWN = {"overview": "/start/", "mailings": "/mailings/", "clients": "/clients/"}
LEAST = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
SECONDS = 180
TRIES = 3  # now and then Chromium paints nothing in time, and there is no result


def main() -> None:
    print(f"| page | {' | '.join(LEAST)} |\n|---|{'---|' * len(LEAST)}")
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place)) as stack,
        as_in_production(stack) as url,
    ):
        found = {name: scores(f"{url}{path}") for name, path in PUBLIC.items()}
        cookies = signed_in(url)
        found |= {name: scores(f"{url}{path}", cookies=cookies) for name, path in OWN.items()}
    sys.exit(not all(passes(name, page) for name, page in found.items()))


def as_in_production(stack: Stack) -> AbstractContextManager[str]:
    settings = {"DEBUG": "False", "SECRET_KEY": os.urandom(40).hex()}
    Stack(stack.folder, settings=settings).manage("collectstatic", "--no-input", "--verbosity", "0")
    return web_beside(stack, **settings)


def signed_in(url: str) -> str:
    """The cookies of somebody who has logged in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(base_url=url)
        page.goto("/accounts/login/")
        page.locator("#id_login").fill(OWNER)
        page.locator("#id_password").fill(PASSWORD)
        page.locator("main .btn-primary[type=submit]").click()
        page.wait_for_url(f"{url}/start/")
        cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
        browser.close()
    return cookies


def scores(url: str, *, cookies: str = "") -> dict[str, int]:
    for _ in range(TRIES):
        report = look(url, cookies)
        points = {name: report["categories"][name]["score"] for name in LEAST}
        if None not in points.values():
            break
    else:
        sys.exit(f"{url}: no result, {report.get('runtimeError')}")
    return {name: round(score * 100) for name, score in points.items()}


def look(url: str, cookies: str) -> Any:
    command = [
        "npm", "exec", "--yes", f"lighthouse@{VERSION}", "--", url, "--output=json", "--quiet",
        f"--only-categories={','.join(LEAST)}", f"--chrome-flags=--headless=new {' '.join(ARGUMENTS)}",
        f"--extra-headers={json.dumps({'Cookie': cookies} if cookies else {})}",
    ]  # fmt: skip
    environment = {**os.environ, "CHROME_PATH": CHROMIUM}
    answer = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, timeout=SECONDS
    ).stdout
    return json.loads(answer)


def passes(name: str, page: dict[str, int]) -> bool:
    print(f"| {name} | {' | '.join(map(str, page.values()))} |")
    needed = LEAST if name in PUBLIC else {**LEAST, "seo": 0}
    return all(page[kind] >= points for kind, points in needed.items())


if __name__ == "__main__":
    main()
