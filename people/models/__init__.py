from people.models.audit import AuditEntry
from people.models.notification import Notification
from people.models.outgoing import OutgoingEmail
from people.models.user import User, validate_zone

__all__ = ["AuditEntry", "Notification", "OutgoingEmail", "User", "validate_zone"]
