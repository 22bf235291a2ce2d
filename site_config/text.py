"""Text for places where some characters are not allowed: XML 1.0 (section 2.2) and headers."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def for_xml(text: str) -> str:
    """The text without characters that XML does not allow."""
    return NOT_IN_XML.sub("", text)


def validate_for_xml(text: str) -> None:
    if NOT_IN_XML.search(text):
        raise ValidationError(_("There are control characters in it. Remove them."), code="control")
