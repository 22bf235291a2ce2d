from people.models.audit import AuditEntry
from people.models.user import ZONES, User, validate_zone

__all__ = ["ZONES", "AuditEntry", "User", "validate_zone"]
