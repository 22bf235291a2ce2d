from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from site_config.demo.loading import LOGINS, PASSWORD, DoesNotFit, is_loaded, load

LOCAL = ("localhost", "127.0.0.1", "::1", "testserver")


class Command(BaseCommand):
    help = (
        "Load the demo data of fixtures/, with its dates moved to today. If it is loaded already, it is "
        "put back as it was; what others own stays untouched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="only where the demo is not loaded yet")
        parser.add_argument(
            "--public",
            action="store_true",
            help="also on a public site, although everybody knows the demo's password",
        )

    def handle(self, *args: Any, once: bool, public: bool, **options: Any) -> None:
        host = urlsplit(settings.SITE_URL).hostname
        if not public and not settings.DEBUG and host not in LOCAL:
            raise CommandError(
                f"{host} is not this machine, and the demo's administrator has a password that anybody "
                "knows. With --public the demo is loaded all the same."
            )
        if not once or not is_loaded():
            try:
                load()
            except DoesNotFit as error:
                raise CommandError(f"The demo does not fit beside the data that is here: {error}") from error
            self.stdout.write("The demo is loaded.")
        self.stdout.write(f"Log in with the password {PASSWORD} as")
        for email, what in LOGINS.items():
            self.stdout.write(f"    {email:<22}{what}")
