from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from liquid.exceptions import LiquidError

from mailer import mailings
from mailer.composing.compiling import MERGE_FIELDS, Preview, preview
from mailer.composing.warnings import warnings
from mailer.filters import MessageFilter
from mailer.forms.message import MessageForm, TestSendForm
from mailer.models import Attribute, Message
from mailer.models.attribute import kinds_of
from mailer.sending.send_test import send_test
from mailer.tables import MessageTable
from mailer.transport import MailRefused
from mailer.views.mail_frame import mail_frame
from people.models import User
from site_config.ui.http import Request, targets
from site_config.ui.tables import moment
from site_config.ui.views import ActionView, CreatePanel, DeletePanel, EditPanel, SignedIn, TableView, own_row

TEST_REGION = "test-send"


class MessageList(TableView):
    model = Message
    table_class = MessageTable
    filterset_class = MessageFilter
    things = "messages"
    title = _("Messages")
    lead = _("Subject and text, with merge fields for each recipient.")
    create_url_name = "message_create"
    create_title = _("New message")
    create_in_dialog = False

    @classmethod
    def rows(cls, user: User) -> QuerySet[Message]:
        return Message.objects.owned_by(user).with_uses()


def merge_fields(user: User) -> dict[str, Any]:
    """What can be inserted: the service's own fields, and the user's attributes with their kinds."""
    kinds = dict(Attribute.Kind.choices)
    return {**MERGE_FIELDS, **{key: kinds[kind] for key, kind in kinds_of(user).items()}}


class MessagePage:
    """A body is too long for a dialog."""

    list_view = MessageList
    form_class = MessageForm
    page_template = dialog_template = "messages/form.html"
    object: Any

    def show(self, **context: Any) -> HttpResponse:
        uses = self.object.mailings.count() if self.object else 0
        notice = uses and ngettext(
            "%(count)s mailing sends this message: its next run takes what you save here.",
            "%(count)s mailings send this message: their next runs take what you save here.",
            uses,
        ) % {"count": uses}
        response: HttpResponse = super().show(  # type: ignore[misc]  # of the view it is mixed into
            merge_fields=merge_fields(self.request.user),  # type: ignore[attr-defined]
            notice=notice,
            **context,
        )
        return response

    def store(self, form: MessageForm) -> Message:
        return mailings.save_message(form.save(commit=False))

    def success_url(self) -> str:
        return reverse("message_preview", args=[self.object.pk])


class MessageCreate(MessagePage, CreatePanel):
    title = _("New message")
    done_text = _("The message was saved.")


class MessageEdit(MessagePage, EditPanel):
    title = _("Edit message")
    done_text = _("The message was saved.")


class MessageDelete(DeletePanel):
    list_view = MessageList
    title = _("Delete message")
    done_text = _("The message was deleted.")
    blocked_text = _("This message stays, because these mailings send it. Delete them or give them another:")

    def blockers(self) -> list[tuple[str, str]]:
        return [
            (
                reverse("mailing_detail", args=[mailing.pk]),
                f"{mailing}: {mailing.get_period_display()}, {moment(mailing.starts_at)}",
            )
            for mailing in self.object.mailings.select_related("message")
        ]

    def consequences(self) -> list[str]:
        return [gettext("Past runs keep the text they sent.")]


class MessageView(SignedIn):
    """What shows one message needs: the message, merged for a sample recipient."""

    def message(self) -> Message:
        return get_object_or_404(Message.objects.visible_to(self.request.user), pk=self.kwargs["pk"])

    def merged(self, message: Message) -> tuple[Preview | None, str]:
        """The preview, or why there is none."""
        try:
            return preview(message=message, owner=message.owner), ""
        except LiquidError as error:
            return None, str(error)

    def page(self, message: Message, form: TestSendForm, **context: Any) -> dict[str, Any]:
        merged, problem = self.merged(message)
        notices = warnings(subject=message.subject, body=message.body, html=merged.html) if merged else []
        return {
            "message": message,
            "form": form,
            "preview": merged,
            "problem": problem,
            "notices": notices,
            **context,
        }


class MessagePreview(MessageView):
    def get(self, request: Request, pk: int) -> HttpResponse:
        form = TestSendForm(owner=request.user, initial={"to": request.user.email})
        return render(request, "messages/preview.html", self.page(self.message(), form))


@mail_frame
class MessagePreviewHtml(MessageView):
    """The HTML part alone, for a sandboxed frame: nothing in it can act on this site."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        merged, problem = self.merged(self.message())
        return HttpResponse(merged.html if merged else "", status=422 if problem else 200)


class MessageTest(MessageView, ActionView):
    back = "message_preview"

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        form = TestSendForm(request.POST, owner=request.user)
        if not form.is_valid():
            return self.answer(message, form, status=422)
        if not ratelimit.consume(request, action="message_test", user=request.user):
            form.add_error("to", gettext("Too many tests in one hour. Try again later."))
            return self.answer(message, form, status=422)
        try:
            answer = send_test(message=message, owner=request.user, to=form.cleaned_data["to"])
        except MailRefused as error:
            form.add_error("to", gettext("The mail did not go out: %(answer)s") % {"answer": error})
            return self.answer(message, form, status=422)
        text = gettext("Sent to %(to)s. The server answered: %(answer)s") % {
            "to": form.cleaned_data["to"],
            "answer": answer,
        }
        messages.success(request, text)
        if targets(request, TEST_REGION):
            return self.answer(message, form)
        return redirect("message_preview", pk)

    def answer(self, message: Message, form: TestSendForm, status: int = 200) -> HttpResponse:
        if targets(self.request, TEST_REGION):
            return render(
                self.request, "messages/test_send.html", {"message": message, "form": form}, status=status
            )
        return render(self.request, "messages/preview.html", self.page(message, form), status=status)
