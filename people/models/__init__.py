from people.models.audit import AuditEntry
from people.models.notification import Notification
from people.models.outgoing import OutgoingEmail
from people.models.user import ZONES, User, validate_zone

__all__ = ["ZONES", "AuditEntry", "Notification", "OutgoingEmail", "User", "validate_zone"]
