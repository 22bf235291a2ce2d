from django.contrib.sitemaps.views import index, sitemap
from django.urls import path
from django.views.decorators.http import require_safe

from content import views
from content.feeds import SITEMAPS, AtomFeed, RssFeed

urlpatterns = [
    path("", views.home, name="home"),
    path("blog/", views.blog, name="blog"),
    path("blog/feed/<str:language>.rss", require_safe(RssFeed()), name="blog_rss"),
    path("blog/feed/<str:language>.atom", require_safe(AtomFeed()), name="blog_atom"),
    path("blog/<slug:slug>/", views.article, name="article"),
    path("media/<path:path>", views.media, name="media"),
    path(
        "sitemap.xml",
        require_safe(index),
        {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap_part"},
        name="sitemap",
    ),
    path("sitemap-<str:section>.xml", require_safe(sitemap), {"sitemaps": SITEMAPS}, name="sitemap_part"),
    path("robots.txt", views.robots, name="robots"),
]
