import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from mailer.checking.content import check
from mailer.composing.compiling import MERGE_FIELDS
from mailer.composing.drafts import bring_back, discard_draft, saved_of, start_message
from mailer.composing.looking import Look, look
from mailer.composing.public_pages import shown_public
from mailer.composing.ready import READY, beginning
from mailer.filters import MessageFilter
from mailer.forms.message import TestSendForm
from mailer.models import Attribute, Mailing, Message, MessageDraft, MessageVersion
from mailer.sending.send_test import send_test
from mailer.tables import MessageTable
from mailer.transport import MailRefused
from mailer.views.checking import network_context
from mailer.views.mail_frame import mail_frame
from people.models import User
from site_config.ui.http import Request, targets
from site_config.ui.lists import TableView
from site_config.ui.panels import DeletePanel
from site_config.ui.tables import moment
from site_config.ui.views import ActionView, OwnersOnly, SignedIn, own_row

TEST_REGION = "test-send"
USES = 10  # mailings that a message names


class MessageList(TableView):
    model = Message
    table_class = MessageTable
    filterset_class = MessageFilter
    things = "messages"
    columns_url_name = "messages_columns"
    bulk_url_name = "messages_bulk"
    bulk_actions = (("archive", _("Archive")), ("delete", _("Delete")))
    bulk_when_ticked = True
    title = _("Messages")
    lead = _("Subject and text, with merge fields for each recipient.")
    create_url_name = "message_create"
    create_title = _("New message")
    create_in_dialog = False

    @classmethod
    def rows(cls, user: User) -> QuerySet[Message]:
        return Message.objects.owned_by(user).with_uses()


def merge_fields(kinds: Mapping[str, str]) -> dict[str, Any]:
    """What can be inserted: the service's own fields, and an owner's attributes with their kinds."""
    names = dict(Attribute.Kind.choices)
    own = {key: names[kind] for key, kind in kinds.items() if key not in MERGE_FIELDS}
    return {**MERGE_FIELDS, **own}


def merge_examples(kinds: Mapping[str, str]) -> dict[str, Any]:
    """What else can be done with fields: formats, defaults and conditions, with a field of the owner's."""
    dates = [key for key, kind in kinds.items() if kind == Attribute.Kind.DATE]
    numbers = [key for key, kind in kinds.items() if kind == Attribute.Kind.NUMBER]
    some = next(iter(kinds), "first_name")
    return {
        "{{ first_name | default: '…' }}": _("what to write for those who have none"),
        f"{{% if {some} %}}…{{% else %}}…{{% endif %}}": _(
            "one text for those who have it, another for the rest"
        ),
        **{f"{{{{ {key} | date }}}}": _("in full, in the language of the message") for key in dates},
        **{f"{{{{ {key} | date: 'short' }}}}": _("also: day, month, weekday, year") for key in dates[:1]},
        **{f"{{{{ {key} | number }}}}": _("with thousands separators") for key in numbers},
        **{f"{{{{ {key} | number: 2 }}}}": _("with two decimals") for key in numbers[:1]},
    }


class MessageNew(OwnersOnly):
    """What to start from: a ready message, an empty one, or one's own source."""

    def get(self, request: Request) -> HttpResponse:
        return self.page()

    def post(self, request: Request) -> HttpResponse:
        try:
            key = uuid.UUID(request.POST.get("form_key", ""))
        except ValueError:
            key = uuid.uuid4()
        written = beginning(
            request.POST.get("start", ""), language=get_language() or "en", owner=request.user
        )
        if written is None:
            return self.page(status=422)
        message = start_message(owner=request.user, form_key=key, written=written)
        return redirect("message_edit", message.pk)

    def page(self, status: int = 200) -> HttpResponse:
        context = {"ready": READY, "form_key": uuid.uuid4()}
        return render(self.request, "messages/new.html", context, status=status)


class MessageVersions(OwnersOnly):
    """Earlier saved versions of a message, any of which can be restored."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        versions = message.versions.filter(kind=MessageVersion.Kind.SAVED)
        draft = MessageDraft.objects.filter(message=message).first()
        context = {"message": message, "versions": versions, "draft": draft}
        return render(request, "messages/versions.html", context)

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        chosen = request.POST.get("version", "")
        if chosen == "saved":
            discard_draft(message=message)
        else:
            number = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
            bring_back(message=message, version=get_object_or_404(message.versions, pk=number))
            messages.success(request, gettext("It is back as a draft. Save it before it can be sent."))
        return redirect("message_edit", pk)


class MessageDelete(DeletePanel):
    list_view = MessageList
    title = _("Delete message")
    done_text = _("The message was deleted.")
    blocked_text = _(
        "This message cannot be deleted, because these mailings send it."
        " Delete them or give them another one:"
    )

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


@dataclass(frozen=True, kw_only=True)
class Uses:
    """The mailings that send a message: the latest by name, the others as a number."""

    latest: list[Mailing]
    others: int

    @classmethod
    def of(cls, message: Message) -> "Uses":
        mailings = message.mailings.order_by("-pk")
        latest = list(mailings[:USES])
        return cls(latest=latest, others=mailings.count() - USES if len(latest) == USES else 0)


class MessageView(SignedIn):
    """What showing one message needs: the message, merged for a sample recipient."""

    def message(self) -> Message:
        return get_object_or_404(Message.objects.visible_to(self.request.user), pk=self.kwargs["pk"])

    def look(self, message: Message) -> Look:
        return look(written=saved_of(message), owner=message.owner, laid_out=message.body)

    def page(self, message: Message, form: TestSendForm, **context: Any) -> dict[str, Any]:
        shown = self.look(message)
        context |= {
            **shown_public(message),
            "form": form,
            "preview": shown,
            "uses": Uses.of(message),
            "form_key": uuid.uuid4(),
        }
        if message.owner_id == self.request.user.pk:
            written = saved_of(message)
            context["findings"] = check(written=written, look=shown, owner=message.owner)
            context |= network_context(message, written, shown)
        return context


class MessagePreview(MessageView):
    def get(self, request: Request, pk: int) -> HttpResponse:
        message = self.message()
        if message.is_draft:
            return redirect(message)
        form = TestSendForm(owner=request.user, initial={"to": request.user.email})
        return render(request, "messages/preview.html", self.page(message, form))


@mail_frame
class MessagePreviewHtml(MessageView):
    """Only the HTML part, for a sandboxed frame in which nothing can act on this site."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        shown = self.look(self.message())
        return HttpResponse(shown.html, status=422 if shown.problem else 200)


class MessageTest(MessageView, ActionView):
    back = "message_preview"

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        form = TestSendForm(request.POST, owner=request.user)
        if not form.is_valid():
            return self.answer(message, form, status=422)
        if not ratelimit.consume(request, action="message_test", user=request.user):
            form.add_error("to", gettext("Too many tests in one day. Try again tomorrow."))
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
