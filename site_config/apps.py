from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "site_config"

    def ready(self) -> None:
        from site_config import checks  # noqa: F401  (registers itself)
