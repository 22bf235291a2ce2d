from datetime import timedelta
from io import BytesIO
from typing import Any

import factory
from django.utils import timezone
from PIL import Image

from content.models import Article
from testing.factories import ModelFactory

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NASTY = (
    '<h1>Big</h1><p onclick="x()" style="position:fixed" class="a">Hello<script>alert(1)</script></p>'
    '<img src=x onerror=alert(1)><iframe src="//evil.example"></iframe><style>p{}</style>'
    '<a href="javascript:alert(1)">a</a><a href="https://example.com" target="_blank">b</a>'
    "<svg><a xlink:href='javascript:alert(1)'>c</a></svg><form action=/><input name=q></form>\x00"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


class ArticleFactory(ModelFactory[Article]):
    """A published article without a picture."""

    class Meta:
        model = Article

    title = factory.Sequence(lambda n: f"Article {n}")
    slug = factory.Sequence(lambda n: f"article-{n}")
    description = "What it is about."
    body = "<p>The text.</p>"
    status = "published"
    published_at = factory.Sequence(lambda n: timezone.now() - timedelta(days=1, minutes=n))


def picture(
    size: tuple[int, int] = (800, 450),
    image_format: str = "PNG",
    color: Any = "teal",
    mode: str = "RGB",
    **options: Any,
) -> bytes:
    """A picture as it would be uploaded."""
    out = BytesIO()
    Image.new(mode, size, color).save(out, image_format, **options)
    return out.getvalue()
