"""How a mail's HTML is shown: in a frame of this site in which nothing can act on the site.

Pictures from other sites are shown on request: whoever runs those sites learns who looked, and when.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_sameorigin

from mailer.composing.picture_files import as_page

MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],  # mail is styled by style attributes
    "img-src": [SELF, "data:"],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],  # links open beside this site
}
WITH_PICTURES = {**MAIL_POLICY, "img-src": [SELF, "https:", "data:"]}
ViewClass = TypeVar("ViewClass", bound=type[View])


def mail_policy(view: Callable[..., Any]) -> Callable[..., Any]:
    quiet, asked = csp(MAIL_POLICY)(view), csp(WITH_PICTURES)(view)

    def chosen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = (asked if "pictures" in request.GET else quiet)(request, *args, **kwargs)
        answer["Referrer-Policy"] = "no-referrer"
        if isinstance(answer, HttpResponse):
            answer.content = as_page(answer.content.decode())
        return answer

    return chosen


def mail_frame(view: ViewClass) -> ViewClass:
    """Decorate a view that returns the HTML of a mail."""
    for decorator in (mail_policy, xframe_options_sameorigin):
        view = method_decorator(decorator, name="dispatch")(view)
    return view
