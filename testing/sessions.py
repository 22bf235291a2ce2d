"""Another session with the same PostgreSQL."""

from typing import Any

import psycopg
from django.db import connection

NAMES = ("host", "port", "user", "password", "dbname")


def another_session(**options: Any) -> psycopg.Connection:
    """A connection that neither Django nor this process's limit knows of."""
    params = connection.get_connection_params()
    return psycopg.connect(**{name: params[name] for name in NAMES if params.get(name)}, **options)
