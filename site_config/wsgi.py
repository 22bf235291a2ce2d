import os

from django.core.wsgi import get_wsgi_application

from site_config.environment import settings_or_exit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
settings_or_exit(status=3)  # by which gunicorn knows that it is of no use to start another worker
application = get_wsgi_application()
