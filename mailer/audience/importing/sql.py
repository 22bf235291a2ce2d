"""The statements that write a batch: first into a temporary table, then set by set.

`key` is the address as the unique constraints compare it (people.addresses.key_of). Nothing here depends on
statistics, which lag behind while a million rows come in: each statement goes from the batch to the rows by a
unique index.
"""

CREATE = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_clients (
    key text, email text, full_name text, comment text, is_client boolean, reason text, since {moment},
    attributes {json}
) {on_commit}
"""
COPY = """
COPY incoming_clients (key, email, full_name, comment, is_client, reason, since, attributes) FROM STDIN
"""
INSERT_INCOMING = """
INSERT INTO incoming_clients (key, email, full_name, comment, is_client, reason, since, attributes)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
EMPTY = "DELETE FROM incoming_clients"

# In key order, so that two imports that meet wait for each other instead of deadlocking.
_CLIENTS = """
INSERT INTO mailer_client AS old (
    owner_id, email, address_key, full_name, comment, attributes, created_at, form_key, imported_in_id
)
SELECT %(owner)s, email, key, full_name, comment, attributes, %(now)s, {uuid}, {source}
FROM incoming_clients WHERE is_client ORDER BY key
ON CONFLICT (owner_id, address_key) {known}
"""
KNOWN = {
    "skip": "DO NOTHING",
    # What is empty in the file stays; unchanged rows are not written.
    "update": """
DO UPDATE SET
    full_name = CASE WHEN excluded.full_name = '' THEN old.full_name ELSE excluded.full_name END,
    comment = CASE WHEN excluded.comment = '' THEN old.comment ELSE excluded.comment END{set_attributes}
WHERE (excluded.full_name <> '' AND excluded.full_name <> old.full_name)
   OR (excluded.comment <> '' AND excluded.comment <> old.comment){or_attributes}
""",
    "fill": """
DO UPDATE SET
    full_name = CASE WHEN old.full_name = '' THEN excluded.full_name ELSE old.full_name END,
    comment = CASE WHEN old.comment = '' THEN excluded.comment ELSE old.comment END{set_attributes}
WHERE (old.full_name = '' AND excluded.full_name <> '')
   OR (old.comment = '' AND excluded.comment <> ''){or_attributes}
""",
}
COUNT_KNOWN = """
SELECT COUNT(*) FROM incoming_clients i CROSS JOIN mailer_client c
WHERE i.is_client AND c.owner_id = %(owner)s AND c.address_key = i.key
"""
# Not a join: PostgreSQL would scan all of an owner's clients for each line while it believes there are few.
MEMBERS = """
INSERT INTO mailer_clientgroup_clients (clientgroup_id, client_id)
WITH found AS MATERIALIZED (
    SELECT (SELECT c.id FROM mailer_client c WHERE c.owner_id = %(owner)s AND c.address_key = i.key) AS id
    FROM incoming_clients i
    WHERE i.is_client AND NOT EXISTS (
        SELECT 1 FROM mailer_optout o WHERE o.group_id = %(group)s AND o.address_key = i.key
    )
)
SELECT %(group)s, id FROM found WHERE id IS NOT NULL
ON CONFLICT DO NOTHING
"""
STOPS = """
INSERT INTO mailer_suppression (owner_id, email, address_key, reason, why, created_at)
SELECT %(owner)s, email, key, reason, '', COALESCE(since, {now})
FROM incoming_clients WHERE reason <> '' ORDER BY key
ON CONFLICT (owner_id, address_key) DO UPDATE SET reason = excluded.reason, until = NULL
WHERE mailer_suppression.reason = 'paused'
"""


# The attributes of both; where both have one, the file's ("update") or the existing one ("fill").
_MERGED = {
    "postgresql": ("{before} || {after}", "old.attributes"),
    "sqlite": ("json_patch({before}, {after})", "json(old.attributes)"),
}
_PAIR = {
    "update": {"before": "old.attributes", "after": "excluded.attributes"},
    "fill": {"before": "excluded.attributes", "after": "old.attributes"},
}


def _known(known: str, vendor: str, attributes: bool) -> str:
    """What happens to existing clients; attributes cost nothing if the file has none."""
    if not attributes or known not in _PAIR:
        return KNOWN[known].format(set_attributes="", or_attributes="")
    merged, stored = _MERGED[vendor]
    both = merged.format(**_PAIR[known])
    return KNOWN[known].format(
        set_attributes=f",\n    attributes = {both}", or_attributes=f"\n   OR {both} <> {stored}"
    )


def clients_postgresql(known: str, *, attributes: bool) -> str:
    """Write the batch's clients; the returned row counts the new and the changed ones."""
    there = _known(known, "postgresql", attributes)
    insert = _CLIENTS.format(uuid="gen_random_uuid()", source="%(source)s::bigint", known=there)
    return f"""
WITH written AS ({insert} RETURNING xmax = 0 AS is_new)
SELECT COUNT(*) FILTER (WHERE is_new), COUNT(*) FILTER (WHERE NOT is_new) FROM written
"""  # noqa: S608  (made of constants)


def clients_sqlite(known: str, *, attributes: bool) -> str:
    there = _known(known, "sqlite", attributes)
    return _CLIENTS.format(uuid="LOWER(HEX(RANDOMBLOB(16)))", source="%(source)s", known=there)
