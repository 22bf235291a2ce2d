"""Hand-written statements, for what a worker does a hundred times a second: one file per database.

The files are read once; their comments are removed before the statements run.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"\s*--[^\n]*")


@cache
def statements(vendor: str) -> dict[str, str]:
    """A database's statements ("postgresql" or "sqlite") by name."""
    _, *parts = _NAME.split((Path(__file__).parent / f"{vendor}.sql").read_text("utf-8"))
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def run(name: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows; PostgreSQL plans it once per connection.

    Only for statements whose plan does not depend on their values. Errors are Django's.
    """
    sql = statements(connection.vendor)[name]
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    from psycopg import Cursor  # not there in an embedded installation

    connection.ensure_connection()
    connection.connection.prepare_threshold = 0  # Django disables prepared statements
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True)
        return (
            [] if cursor.rownumber is None else cursor.fetchall()
        )  # asking for the description would cost more
