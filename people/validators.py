from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_one_line(value: str) -> None:
    """Raise ValidationError for line breaks and control characters, which could forge mail headers."""
    if any(ord(char) < 32 or ord(char) == 127 or char in "\u0085\u2028\u2029" for char in value):
        raise ValidationError(_("Line breaks and control characters are not allowed here."), code="control")
