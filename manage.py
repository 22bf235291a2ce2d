#!/usr/bin/env python3
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    try:
        from django.core.management import execute_from_command_line

        from site_config.environment import settings_or_exit
    except ImportError:
        sys.exit("Django is not installed here. Run 'make run', or .venv/bin/python manage.py …")
    settings_or_exit()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
