from people.models.audit import AuditEntry
from people.models.outgoing import OutgoingEmail
from people.models.user import ZONES, User, validate_zone

__all__ = ["ZONES", "AuditEntry", "OutgoingEmail", "User", "validate_zone"]
