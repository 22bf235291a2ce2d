"""Pictures of the pages, wide and on a phone, bright and dark, in both languages.

`python -m e2e.gallery` makes docs/screens with a page that shows them; with --all it takes
every page, and puts them into e2e/shots.
"""

import io
import os
import sys
import tempfile
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from e2e.stack import Stack, running
from e2e.tour import TOUR, Look, visit

ROOT = Path(__file__).resolve().parent.parent
KEPT = (
    "home", "article", "login", "start", "mailings", "mailing", "mailing-new", "clients", "client", "import",
    "groups", "messages", "message", "message-new", "reports", "charts", "report", "receipt", "all-mailings",
    "users", "not-found", "administration",
)  # fmt: skip
LOOKS = [
    Look(language=language, phone=phone, dark=dark)
    for language, phone, dark in product(("en", "ru"), (False, True), (False, True))
]
TALLEST = 1600  # pixels of a page
WIDEST = 960


def main() -> None:
    everything = "--all" in sys.argv
    folder = ROOT / ("e2e/shots/gallery" if everything else "docs/screens")
    folder.mkdir(parents=True, exist_ok=True)
    names = list(TOUR if everything else KEPT)
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place)) as stack,
        sync_playwright() as playwright,
    ):
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        take_all(browser, stack, names, folder)
        browser.close()
    write_index(names, folder)


def take_all(browser: Browser, stack: Stack, names: list[str], folder: Path) -> None:
    for look in LOOKS:
        for name, page in visit(browser, stack, look, names):
            take(page, folder / f"{name}-{look}.webp")
        print(look, flush=True)


def take(page: Page, path: Path) -> None:
    page.wait_for_timeout(100)  # pictures are drawn
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    shot = shot.crop((0, 0, shot.width, min(shot.height, TALLEST)))
    shot.thumbnail((WIDEST, TALLEST), Image.Resampling.LANCZOS)
    shot.save(path, "WEBP", quality=50, method=4)


def write_index(names: list[str], folder: Path) -> None:
    lines = ["# How it looks", "", "Made by `python -m e2e.gallery`; with `--all` every page.", ""]
    for name in names:
        lines += [f"## {name}", ""]
        lines += [f'<img src="{name}-{look}.webp" height="240" alt="{name}, {look}">' for look in LOOKS]
        lines.append("")
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
