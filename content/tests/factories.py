from datetime import timedelta
from io import BytesIO

import factory
from django.utils import timezone
from PIL import Image

from content.models import Article
from mailer.tests.factories import ModelFactory


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


def picture(size=(800, 450), image_format="PNG", color="teal", mode="RGB", **options) -> bytes:
    out = BytesIO()
    Image.new(mode, size, color).save(out, image_format, **options)
    return out.getvalue()
