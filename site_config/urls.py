from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from site_config import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("people.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("", include("mailer.urls")),
    path("", include("content.urls")),
]
handler400 = "site_config.errors.bad_request"
handler500 = "site_config.errors.server_error"
