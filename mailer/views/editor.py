"""The page on which a message is written: one form, with and without JavaScript.

Each button sends the whole page, so that nothing typed is lost, and `do` says what to do with it.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from allauth.core import ratelimit
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from mailer import mailings
from mailer.checking import background
from mailer.composing import drafts
from mailer.composing.attachments import attach, detach
from mailer.composing.blocks import document
from mailer.composing.blocks.document import TooLarge
from mailer.composing.drafts import ChangedMeanwhile, Kept, Written
from mailer.composing.looking import look
from mailer.composing.picture_files import keep_picture
from mailer.composing.public_pages import shown_public
from mailer.forms.blocks import FORMS
from mailer.forms.editor import EditorForm, read_posted
from mailer.models import Message, MessageVersion
from mailer.views.message_actions import PUBLIC_REGION, set_public
from mailer.views.messages import merge_examples, merge_fields
from mailer.views.previewing import Chosen, seen_by
from site_config.ui.http import Request, retarget, targets, trigger
from site_config.ui.views import OwnersOnly, own_row

STATE, BLOCKS, PAGE, ATTACHMENTS = "draft-state", "blocks", "editor-body", "attachments"
PALETTE = (
    "heading",
    "text",
    "picture",
    "button",
    "columns",
    "quote",
    "divider",
    "spacer",
    "social",
    "footer",
    "raw",
)


class MessageEditor(OwnersOnly):
    message: Message

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.message = own_row(Message, request.user, pk)
        written, since = drafts.written_of(self.message)
        return self.page(
            EditorForm(written, owner=request.user), Kept(revision=self.message.revision, at=since)
        )

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.message = own_row(Message, request.user, pk)
        do, _colon, what = request.POST.get("do", "draft").partition(":")
        if "subject" not in request.POST:
            return self._refused(_("Something was missing. Reload the page and try again."))
        try:
            written = read_posted(request.POST, format=self.message.format)
            return self._actions().get(do, self._step)(written, do, what)
        except TooLarge:
            return self._refused(_("That is more than a message can hold. None of it was saved."))
        except ChangedMeanwhile:
            return self._overtaken(written)

    def _actions(self) -> dict[str, Callable[[Written, str, str], HttpResponse]]:
        return {
            "draft": self._draft,
            "save": self._save,
            "undo": self._undo,
            "usual": self._usual,
            "public": self._public,
            "attach": self._attach,
            "detach": self._detach,
        }

    def seen(self) -> int | None:
        """The revision that the page was made from; None if its author was warned and saves anyway."""
        seen = self.request.POST.get("revision", "")
        return (
            int(seen)
            if seen.isdecimal() and len(seen) < 10 and "overwrite" not in self.request.POST
            else None
        )

    def keep(self, written: Written, before: Written | None = None) -> Kept:
        return drafts.keep_draft(message=self.message, written=written, seen=self.seen(), before=before)

    def _draft(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        if targets(self.request, STATE):
            return self.state(kept)
        return self.back()

    def _save(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        form = EditorForm(written, owner=self.request.user, checked=True)
        if "attachment" in self.request.FILES:  # chosen, and then saved at once
            if not self._takes_file():
                return self.page(form, kept, status=422)
            kept = self._files_changed(written, kept)
        if not form.is_valid():
            return self.page(form, kept, status=422)
        kept = mailings.publish_message(
            message=self.message, written=written, body=form.body, seen=kept.revision
        )
        self.message.refresh_from_db()
        if shown := look(written=written, owner=self.request.user, laid_out=form.body).compiled:
            background.request_unless_known(self.message, shown.facts.links)
        messages.success(self.request, _("The message was saved."))
        if not targets(self.request, PAGE):
            return redirect("message_preview", self.message.pk)
        return retarget(self.state(kept, saved=True), f"#{STATE}")

    def _usual(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        drafts.make_usual(owner=self.request.user, theme=written.content["theme"])
        messages.success(self.request, _("New messages will look like this one."))
        return self.state(kept) if targets(self.request, STATE) else self.back()

    def _attach(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        if self._takes_file():
            kept = self._files_changed(written, kept)
        return self.attached(kept)

    def _takes_file(self) -> bool:
        """Attach the file that was chosen, or say why not; return whether it is there now."""
        upload = self.request.FILES.get("attachment")
        if upload is None:
            messages.error(self.request, _("Choose a file first."))
        elif not ratelimit.consume(self.request, action="message_picture", user=self.request.user):
            messages.error(self.request, _("Too many files in one hour. Try again later."))
        else:
            try:
                attach(message=self.message, upload=upload, name=upload.name or "")
            except ValidationError as error:
                messages.error(self.request, " ".join(error.messages))
            else:
                return True
        return False

    def _files_changed(self, written: Written, kept: Kept) -> Kept:
        return drafts.keep_draft(
            message=self.message, written=written, seen=kept.revision, files_changed=True
        )

    def _detach(self, written: Written, _do: str, what: str) -> HttpResponse:
        kept = self.keep(written)
        if what.isdecimal() and len(what) < 19:
            detach(message=self.message, pk=int(what))
            kept = self._files_changed(written, kept)
        return self.attached(kept)

    def attached(self, kept: Kept) -> HttpResponse:
        if not targets(self.request, ATTACHMENTS):
            return self.back(fragment=ATTACHMENTS)
        context = {"message": self.message, "kept": kept, "oob": True}
        return render(self.request, "messages/attachments.html", context)

    def _public(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        done = set_public(self.request, self.message)
        if not targets(self.request, PUBLIC_REGION):
            return self.back()
        context = {**shown_public(self.message), "in_editor": True, "kept": kept, "oob": True}
        return render(self.request, "messages/public.html", context, status=200 if done else 422)

    def _undo(self, written: Written, _do: str, _what: str) -> HttpResponse:
        kept = self.keep(written)
        undone = drafts.undo(message=self.message, seen=kept.revision)
        if undone is None:
            messages.info(self.request, _("There is nothing to undo."))
        return self.changed(drafts.written_of(self.message)[0], undone or kept)

    def _step(self, written: Written, do: str, what: str) -> HttpResponse:
        """A change to the blocks themselves, which can be undone."""
        before = Written.from_data(written.as_data())
        made = self._apply(written.content, do, what)
        document.check_size(written.content)
        return self.changed(written, self.keep(written, before), made, at=made or what)

    def _apply(self, content: document.Content, do: str, what: str) -> str:
        """Do it; return the new block, if there is one."""
        match do:
            case "add":
                kind, _colon, column = what.partition(":")
                return document.add(content, kind, after=self.request.POST.get("after", ""), column=column)
            case "add-in":
                return document.add(content, self.request.POST.get(f"{what}-add", ""), column=what)
            case "up" | "down":
                document.move(content, what, -1 if do == "up" else 1)
            case "put":
                what, _colon, other = what.partition(":")
                document.put(content, what, other)
            case "copy":
                return document.copy(content, what)
            case "delete":
                document.delete(content, what)
            case "upload":
                self._upload(content, what)
        return ""

    def _upload(self, content: document.Content, block_id: str) -> None:
        upload = self.request.FILES.get(f"{block_id}-upload")
        block = next((row for row in document.walk(content["blocks"]) if row["id"] == block_id), None)
        if upload is None or block is None:
            messages.error(self.request, _("Choose a file first."))
        elif not ratelimit.consume(self.request, action="message_picture", user=self.request.user):
            messages.error(self.request, _("Too many pictures in one hour. Try again later."))
        else:
            try:
                picture = keep_picture(owner=self.request.user, upload=upload, name=upload.name or "")
            except ValidationError as error:
                messages.error(self.request, " ".join(error.messages))
            else:
                block["picture"], block["address"] = str(picture.pk), ""

    def changed(self, written: Written, kept: Kept, focus: str = "", at: str = "") -> HttpResponse:
        if not targets(self.request, BLOCKS):
            return self.back(open=focus, fragment=at or "blocks")
        form = EditorForm(written, owner=self.request.user)
        answer = render(
            self.request, "messages/blocks.html", {**self.context(form, kept), "focus": focus, "oob": True}
        )
        return trigger(answer, "draft:kept")

    def state(self, kept: Kept, *, saved: bool = False) -> HttpResponse:
        context = {"message": self.message, "kept": kept, "saved": saved, "oob": True}
        return trigger(render(self.request, "messages/draft_state.html", context), "draft:kept")

    def back(self, *, open: str = "", fragment: str = "") -> HttpResponse:
        """Back to the page, which shows the preview as chosen, and the new block."""
        query = "&".join(filter(None, (Chosen.of(self.request.POST).query, open and f"open={open}")))
        place = reverse("message_edit", args=[self.message.pk]) + (f"?{query}" if query else "")
        return redirect(place + (f"#{quote(fragment)}" if fragment else ""))

    def _refused(self, text: str) -> HttpResponse:
        if targets(self.request, STATE) or targets(self.request, BLOCKS) or targets(self.request, PAGE):
            context = {"message": self.message, "refused": text}
            answer = render(self.request, "messages/draft_state.html", context, status=422)
            return retarget(answer, f"#{STATE}")
        written, since = drafts.written_of(self.message)
        form = EditorForm(written, owner=self.request.user)
        return self.page(form, Kept(revision=self.message.revision, at=since), status=422, refused=text)

    def _overtaken(self, written: Written) -> HttpResponse:
        """Another window was faster: what is here exists only on this page until its author decides."""
        self.message.refresh_from_db()
        kept = Kept(revision=self.message.revision, at=None)
        if targets(self.request, STATE) or targets(self.request, BLOCKS) or targets(self.request, PAGE):
            context = {"message": self.message, "overtaken": True}
            answer = render(self.request, "messages/draft_state.html", context, status=422)
            return retarget(answer, f"#{STATE}")
        return self.page(EditorForm(written, owner=self.request.user), kept, status=422, overtaken=True)

    def page(self, form: EditorForm, kept: Kept, *, status: int = 200, **context: Any) -> HttpResponse:
        whole = not targets(self.request, PAGE)
        template = "messages/editor.html" if whole else "messages/editor_body.html"
        context = {**self.context(form, kept), **context}
        if whole:
            chosen = Chosen.of(self.request.GET)
            context |= seen_by(self.message, form.written, self.request.user, chosen)
        return render(self.request, template, context, status=status)

    def context(self, form: EditorForm, kept: Kept) -> dict[str, Any]:
        return {
            "message": self.message,
            "form": form,
            "kept": kept,
            "merge_fields": merge_fields(form.kinds),
            "merge_examples": merge_examples(form.kinds),
            "palette": [(kind, FORMS[kind].title) for kind in PALETTE],
            "in_columns": [(kind, FORMS[kind].title) for kind in PALETTE if kind != "columns"],
            "can_undo": self.message.versions.filter(kind=MessageVersion.Kind.STEP).exists(),
            "uses": self.message.mailings.count(),
            "focus": self.request.GET.get("open", ""),
            **shown_public(self.message),
        }
