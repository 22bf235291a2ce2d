"""Two users with a session and a message each, printed as JSON: runs inside the attacked service."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
django.setup()

from django.test import Client

from mailer.models import Message
from people.models import User


def main() -> None:
    User.objects.filter(email__startswith="attacker").delete()
    sessions = []
    for number in range(int(sys.argv[1])):
        user = User.objects.create_user(f"attacker{number}@example.com")
        browser = Client()
        browser.force_login(user)
        message = Message.objects.create(owner=user, subject="x", body="<p>x</p>")
        sessions.append((browser.cookies["sessionid"].value, message.pk))
    print(json.dumps({"sessions": sessions}))


if __name__ == "__main__":
    main()
