"""Every page's HTML as the Nu validator sees it: `python -m e2e.html`, or `make html`, which gets it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from e2e.stack import Stack, running
from e2e.tour import TOUR, Look, visit

JAR = Path(__file__).parent / "node_modules/vnu-jar/build/dist/vnu.jar"
NOT_OURS = ("administration",)  # Django's own pages
OURS = ("Attribute “hx-",)  # htmx's attributes, of which HTML knows nothing


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running(folder) as stack:
            pages = save_pages(stack, folder)
        found = complaints(pages)
    for line in found:
        print(line)
    print(f"{len(pages)} pages, {len(found)} complaints")
    sys.exit(bool(found))


def save_pages(stack: Stack, folder: Path) -> list[Path]:
    """The pages in both languages, as the server sends them, before any script changes them."""
    saved = []
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for look in (Look(language="en"), Look(language="ru")):
            for name, page in visit(browser, stack, look, [name for name in TOUR if name not in NOT_OURS]):
                file = folder / f"{name}-{look.language}.html"
                file.write_bytes(page.context.request.get(page.url).body())
                saved.append(file)
        browser.close()
    return saved


def complaints(pages: list[Path]) -> list[str]:
    command = [
        "java",
        "-jar",
        str(JAR),
        "--format",
        "json",
        "--exit-zero-always",
        "--stdout",
        *map(str, pages),
    ]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    messages = json.loads(answer)["messages"]
    return sorted(
        f"{Path(one['url']).stem}:{one.get('lastLine')}: {one['message']}"
        for one in messages
        if not any(text in one["message"] for text in OURS)
    )


if __name__ == "__main__":
    main()
