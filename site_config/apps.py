from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "site_config"
