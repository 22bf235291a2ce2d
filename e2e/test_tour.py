"""The browser's tour of the site (e2e/tour.py) leaves no page out."""

from django.urls import URLPattern, URLResolver, get_resolver

from e2e.tour import NO_PAGE, TOUR, WITH_SECOND_FACTOR


def url_names(resolver):
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver) and one.app_name != "admin":
            yield from url_names(one)
        elif isinstance(one, URLPattern) and one.name:
            yield one.name


def test_each_url_is_on_the_tour_or_named_as_no_page():
    toured = {page[1] for page in TOUR.values()} - {""}
    named = [*toured, *NO_PAGE, *WITH_SECOND_FACTOR]
    assert sorted(named) == sorted(set(url_names(get_resolver())))
