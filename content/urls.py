from django.contrib.sitemaps.views import index, sitemap
from django.urls import path

from content import views
from content.feeds import SITEMAPS, AtomFeed, RssFeed

urlpatterns = [
    path("", views.home, name="home"),
    path("blog/", views.blog, name="blog"),
    path("blog/feed/<str:language>.rss", RssFeed(), name="blog_rss"),
    path("blog/feed/<str:language>.atom", AtomFeed(), name="blog_atom"),
    path("blog/<slug:slug>/", views.article, name="article"),
    path("media/<path:path>", views.media, name="media"),
    path("sitemap.xml", index, {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap_part"}, name="sitemap"),
    path("sitemap-<str:section>.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap_part"),
    path("robots.txt", views.robots, name="robots"),
]
