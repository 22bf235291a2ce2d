"""The database itself refuses to change the audit trail. A later migration that SQLite carries out
by making the table anew has to make the trigger anew as well."""

from django.db import migrations

POSTGRESQL = """
CREATE FUNCTION people_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER people_audit_append_only BEFORE UPDATE OR DELETE ON people_auditentry
FOR EACH ROW EXECUTE FUNCTION people_audit_append_only();
"""
# No trigger against DELETE here: it would also stop `flush`, which has no other way with SQLite.
SQLITE = """
CREATE TRIGGER people_audit_append_only BEFORE UPDATE ON people_auditentry
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
UNDO_POSTGRESQL = """
DROP TRIGGER people_audit_append_only ON people_auditentry;
DROP FUNCTION people_audit_append_only();
"""


def protect(apps, schema_editor):
    sql = {"postgresql": POSTGRESQL, "sqlite": SQLITE}[schema_editor.connection.vendor]
    schema_editor.execute(sql, params=None)


def unprotect(apps, schema_editor):
    undo = {"postgresql": UNDO_POSTGRESQL, "sqlite": "DROP TRIGGER people_audit_append_only"}
    schema_editor.execute(undo[schema_editor.connection.vendor], params=None)


class Migration(migrations.Migration):

    dependencies = [("people", "0002_accounts")]

    operations = [migrations.RunPython(protect, unprotect)]
