"""Nothing in the audit trail is changed, deleted or emptied: neither by a row nor by TRUNCATE or REPLACE.

Only who says so in the same session may: people.audit.opened(). `flush` is refused like everything else.
"""

from django.db import migrations, models

POSTGRESQL = """
CREATE OR REPLACE FUNCTION people_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('people.audit_open', true) = 'on' THEN
        IF TG_OP = 'UPDATE' THEN RETURN NEW; ELSIF TG_OP = 'DELETE' THEN RETURN OLD; ELSE RETURN NULL; END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER people_audit_not_emptied BEFORE TRUNCATE ON people_auditentry
FOR EACH STATEMENT EXECUTE FUNCTION people_audit_append_only();
"""
UNDO_POSTGRESQL = """
DROP TRIGGER people_audit_not_emptied ON people_auditentry;
CREATE OR REPLACE FUNCTION people_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
"""
# SQLite knows no setting of a session: each connection of the service has a function that tells. Elsewhere
# there is no such function, and the statement fails all the same.
GUARD = """
CREATE TRIGGER {name} BEFORE {what} ON people_auditentry WHEN {when}
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
CLOSED = "people_audit_open() = 0"
GUARDS = (
    ("people_audit_append_only", "UPDATE", CLOSED),
    ("people_audit_not_deleted", "DELETE", CLOSED),
    # REPLACE deletes without asking the trigger of DELETE.
    (
        "people_audit_not_replaced",
        "INSERT",
        f"EXISTS (SELECT 1 FROM people_auditentry WHERE id = NEW.id) AND {CLOSED}",
    ),
)
BEFORE = GUARD.replace(" WHEN {when}", "").format(name="people_audit_append_only", what="UPDATE")


def close(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        return
    schema_editor.execute("DROP TRIGGER IF EXISTS people_audit_append_only", params=None)
    for name, what, when in GUARDS:
        schema_editor.execute(GUARD.format(name=name, what=what, when=when), params=None)


def undo(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(UNDO_POSTGRESQL, params=None)
        return
    for name, _what, _when in GUARDS:
        schema_editor.execute(f"DROP TRIGGER {name}", params=None)
    schema_editor.execute(BEFORE, params=None)


class Migration(migrations.Migration):
    dependencies = [("people", "0003_account_address_unique")]

    operations = [
        migrations.AlterField(
            model_name='auditentry',
            name='action',
            field=models.CharField(choices=[('signed_up', 'signed up'), ('logged_in', 'logged in'), ('login_failed', 'failed to log in'), ('confirmed', 'confirmed the e-mail'), ('password_changed', 'changed the password'), ('email_changed', 'changed the e-mail'), ('two_factor_on', 'switched two-factor on'), ('two_factor_off', 'switched two-factor off'), ('user_created', 'created a user'), ('user_edited', 'edited a user'), ('user_admitted', 'let a user in'), ('access_changed', 'changed what a user may do'), ('role_changed', 'changed what a role may do'), ('user_deleted', 'deleted a user'), ('user_blocked', 'blocked a user'), ('user_unblocked', 'unblocked a user'), ('mailing_created', 'created a mailing'), ('mailing_edited', 'edited a mailing'), ('mailing_paused', 'paused a mailing'), ('mailing_resumed', 'resumed a mailing'), ('mailing_run', 'ran a mailing now'), ('mailing_deleted', 'deleted a mailing'), ('mailing_disabled', 'disabled a mailing'), ('mailing_enabled', 'enabled a mailing')], max_length=30, verbose_name='what'),
        ),
        migrations.RunPython(close, undo),
    ]
