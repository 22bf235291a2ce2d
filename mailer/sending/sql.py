"""Statements written by hand, for what a worker says a hundred times a second."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def run(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows; PostgreSQL plans it once for each connection.

    Only for statements whose plan does not depend on the values. Errors are Django's.
    """
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    from psycopg import Cursor  # not there in an embedded installation

    connection.ensure_connection()
    connection.connection.prepare_threshold = 0  # Django turns preparing off altogether
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True)
        return [] if cursor.rownumber is None else cursor.fetchall()  # its description costs more to ask for
