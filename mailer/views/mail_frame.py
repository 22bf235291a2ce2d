"""How the HTML of a mail is shown: in a frame of this site, where nothing in it can act on the site."""

from typing import TypeVar

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_sameorigin

MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],  # mail is styled by attributes
    "img-src": ["https:", "data:"],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],  # links open beside this site
}
ViewClass = TypeVar("ViewClass", bound=type[View])


def mail_frame(view: ViewClass) -> ViewClass:
    """Decorate a view whose answer is the HTML of a mail."""
    for decorator in (csp(MAIL_POLICY), xframe_options_sameorigin):
        view = method_decorator(decorator, name="dispatch")(view)
    return view
