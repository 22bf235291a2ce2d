"""How fast the home page and the blog are with 10,000 articles: bench/articles.py [number].

Works in a database of its own under a temporary VAR_DIR, or in DATABASE_URL's test database.
"""

import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
os.environ.setdefault("SECRET_KEY", "bench")
os.environ["ENV_FILE"] = os.devnull
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="mailings-bench-")
os.environ["SITE_URL"] = "http://testserver"

import django

django.setup()

from django.conf import settings
from django.core.cache import cache
from django.db import connection, reset_queries
from django.test import Client
from django.test.utils import get_runner, override_settings, setup_test_environment
from django.utils import timezone

from content.models import Article

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
STATIC = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WARM = 100


def fill(number: int) -> None:
    now = timezone.now()
    Article.objects.bulk_create(
        (
            Article(
                title=f"Article {n} about letters and servers",
                slug=f"article-{n}",
                language="en" if n % 3 else "ru",
                description="A sentence or two of what it is about. " * 3,
                body="<p>A paragraph of some length, as people write them.</p>" * 40,
                status="published",
                published_at=now - timedelta(minutes=n + 1),
            )
            for n in range(number)
        ),
        batch_size=500,
    )


def once(browser: Client, url: str) -> tuple[float, int]:
    reset_queries()
    began = time.perf_counter()
    assert browser.get(url).status_code == 200, url
    return (time.perf_counter() - began) * 1000, len(connection.queries)


def measure(browser: Client, name: str, url: str) -> None:
    cache.clear()
    cold, asked = once(browser, url)
    times, queries = zip(*(once(browser, url) for _ in range(WARM)), strict=True)
    warm = sorted(times)
    print(
        f"{name:<16} cold {cold:7.1f} ms {asked:3} queries   warm median {statistics.median(warm):6.1f} ms, "
        f"95 % {warm[int(WARM * 0.95)]:6.1f} ms, {max(queries)} queries"
    )


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    runner = get_runner(settings)(verbosity=0, interactive=False)
    setup_test_environment(debug=True)
    databases = runner.setup_databases()
    try:
        fill(number)
        where = f"{connection.vendor}, cache in {'Redis' if settings.REDIS_URL else 'files'}"
        print(f"{number} articles, {where}; whole responses in one process, without a network")
        browser = Client(headers={"User-Agent": PERSON})
        with override_settings(STORAGES=STATIC, WHITENOISE_AUTOREFRESH=True):
            browser.get("/robots.txt")
            measure(browser, "home", "/")
            measure(browser, "list, page 1", "/blog/")
            measure(browser, "list, last page", "/blog/?page=999999")
            measure(browser, "an article", "/blog/article-4711/" if number > 4711 else "/blog/article-1/")
            measure(browser, "RSS (not kept)", "/blog/feed/en.rss")
            measure(browser, "sitemap", "/sitemap-articles.xml")
    finally:
        runner.teardown_databases(databases)


main()
