import pytest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from mailer.reporting.service import service_figures
from testing.articles import ArticleFactory
from testing.factories import AttemptFactory, ClientFactory, MailingFactory, UserFactory


def signup_url() -> str:
    try:
        return reverse("account_signup")
    except NoReverseMatch:
        return ""


@pytest.mark.django_db
class TestAnonymous:
    def test_it_says_what_the_service_does_and_where_to_begin(self, visitor):
        ArticleFactory.create_batch(4)
        page = visitor.get("/")
        html = page.content.decode()
        assert page.status_code == 200
        assert "Every recipient mailed." in html
        assert '<meta property="og:image" content="http://testserver/static/img/share.jpg">' in html
        assert len(page.context["articles"]) == 3
        assert f'href="{reverse("blog")}"' in html
        assert f'href="{reverse("account_login")}"' in html

    def test_it_invites_to_sign_up_as_soon_as_one_can(self, visitor):
        """The accounts' pages are somebody else's: without them the page leads to the log-in."""
        html = visitor.get("/").content.decode()
        assert ("Sign up" in html, "Create an account" in html) == (bool(signup_url()), bool(signup_url()))
        if signup_url():
            assert html.count(f'href="{signup_url()}"') == 3

    def test_it_is_the_same_without_articles_and_mailings(self, visitor):
        html = visitor.get("/").content.decode()
        assert "From the blog" not in html
        assert "<dd>0</dd>" in html

    def test_a_new_language_is_a_new_page(self, visitor):
        english, russian = ArticleFactory.create_batch(3), ArticleFactory.create_batch(3, language="ru")
        for language, own in (("en", english), ("ru", russian)):
            cards = visitor.get("/", headers={"Accept-Language": language}).context["articles"]
            assert {card.pk for card in cards} == {article.pk for article in own}

    def test_other_languages_fill_up(self, visitor):
        russian = ArticleFactory(language="ru")
        english = ArticleFactory.create_batch(4)
        cards = visitor.get("/", headers={"Accept-Language": "ru"}).context["articles"]
        assert cards[0].pk == russian.pk
        assert {card.pk for card in cards[1:]} < {article.pk for article in english}

    def test_it_takes_no_posts(self, visitor):
        assert visitor.post("/").status_code == 405


@pytest.mark.django_db
def test_figures_count_what_they_say():
    owner = UserFactory()
    now = timezone.now()
    running = MailingFactory(owner=owner, message__owner=owner, status="running", next_run_at=now)
    MailingFactory(status="finished")
    MailingFactory(status="created")
    MailingFactory(status="running", paused_at=now)
    MailingFactory(status="running", disabled_at=now)
    MailingFactory(status="running", message__owner=UserFactory(is_active=False))
    for email in ("anna@example.com", "ANNA@example.com", "boris@example.com"):
        ClientFactory(owner=UserFactory(), email=email)
    AttemptFactory(mailing=running, sent=7, total=9)
    AttemptFactory(mailing=running, sent=2, total=2)
    figures = service_figures()
    assert (figures.mailings, figures.active, figures.clients, figures.sent) == (6, 1, 2, 9)


@pytest.mark.django_db
def test_it_stays_public_and_leads_who_is_signed_in_to_their_overview(owner, client_of):
    page = client_of(owner).get("/")
    assert page.status_code == 200
    assert page.content.decode().count(f'href="{reverse("start")}"') >= 2
    assert "Sign up for free" not in page.content.decode()
