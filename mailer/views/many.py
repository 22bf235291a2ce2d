"""Many messages or mailings at once: the question, and each row by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.db.models import ProtectedError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer import mailings
from mailer.composing import drafts
from mailer.models import Message
from mailer.views.mailings import MailingList
from mailer.views.messages import MessageList
from site_config.ui.bulk import BulkPanel
from site_config.ui.views import Text

if TYPE_CHECKING:
    from site_config.ui.http import Request

MOST_AT_ONCE = 200  # rows that are changed while the user waits


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is done to each row; `act` returns whether it did anything."""

    title: Text
    explanation: Text
    act: Callable[[Any], bool]
    danger: bool = False


class ManyPanel(BulkPanel):
    """The ticked rows, or all that the list's filter finds; more than fit in one answer are refused."""

    title = _("Many rows")
    body = "bulk/rows_body.html"
    kinds: ClassVar[dict[str, Kind]]

    def back_url(self) -> str:
        return f"{reverse(self.list_view.things)}?{self.request.GET.urlencode()}"

    def get(self, request: "Request") -> HttpResponse:
        return redirect(self.back_url())  # where log-in returns to

    def post(self, request: "Request") -> HttpResponse:
        kind = self.kinds.get(request.POST.get("kind", ""))
        if kind is None:
            raise Http404
        rows = list(self.chosen()[: MOST_AT_ONCE + 1])
        if not 0 < len(rows) <= MOST_AT_ONCE or "confirmed" not in request.POST:
            return self.ask(kind, rows)
        done = sum(kind.act(row) for row in rows)
        counts = {"action": kind.title, "done": done, "chosen": len(rows)}
        return self.changed(gettext("%(action)s: %(done)s of %(chosen)s.") % counts)

    def ask(self, kind: Kind, rows: list[Any]) -> HttpResponse:
        return self.show(
            title=kind.title,
            kind=self.request.POST["kind"],
            explanation=kind.explanation,
            danger=kind.danger,
            rows=rows,
            most=MOST_AT_ONCE,
            too_many=len(rows) > MOST_AT_ONCE,
            choice=self.sent_choice,
        )


def delete_message(message: Message) -> bool:
    """Delete a message unless a mailing sends it."""
    try:
        with transaction.atomic():
            message.delete()
    except ProtectedError:
        return False
    return True


class MessagesBulk(ManyPanel):
    list_view = MessageList
    kinds: ClassVar[dict[str, Kind]] = {
        "archive": Kind(
            title=_("Archive"),
            explanation=_("Mailings that send them continue."),
            act=lambda message: drafts.archive(message=message),
        ),
        "delete": Kind(
            title=_("Delete"),
            explanation=_("Messages that mailings send stay. Past runs keep the text they sent."),
            act=delete_message,
            danger=True,
        ),
    }


class MailingsBulk(ManyPanel):
    list_view = MailingList
    kinds: ClassVar[dict[str, Kind]] = {
        "pause": Kind(
            title=_("Pause"), explanation=_("Nothing goes out until you resume them."), act=mailings.pause
        ),
        "resume": Kind(
            title=_("Resume"),
            explanation=_("What was missed meanwhile is combined into one run of each."),
            act=mailings.resume,
        ),
    }
