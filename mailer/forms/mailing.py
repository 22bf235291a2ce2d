from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from mailer.audience import Audience, measure
from mailer.checking.findings import Finding
from mailer.checking.mailings import findings_for
from mailer.composing.looking import Look
from mailer.composing.rendering import sender_shown
from mailer.forms.picker import CHOSEN_LIMIT, Picker, as_ids
from mailer.forms.plan import Plan, plan_of
from mailer.forms.senders import clean_local_part
from mailer.models import Client, ClientGroup, Mailing, Message, ReplyAddress, SenderDomain
from mailer.models.sender import DomainState
from people.models import User
from people.zone_field import ZoneField
from site_config.ui.forms import OwnedForm, RowsField

if TYPE_CHECKING:
    from django.db.models import QuerySet

LONGEST = timedelta(days=366 * 20)
RECIPIENTS = ("groups", "clients")
NOT_YOURS = _("One of these is not yours or no longer exists. Reload the page.")


class LocalDateTime(forms.DateTimeInput):
    """The browser's own date and time input, to the minute, in the user's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class MailingForm(OwnedForm[Mailing]):
    """A mailing of one owner; another owner's rows are neither offered nor accepted."""

    groups = RowsField(queryset=ClientGroup.objects.none(), required=False, label=_("Groups"))
    clients = RowsField(queryset=Client.objects.none(), required=False, label=_("Single clients"))
    excluded = RowsField(
        queryset=ClientGroup.objects.none(),
        required=False,
        label=_("All but the clients of these groups"),
        widget=forms.CheckboxSelectMultiple,
    )
    starts_at = forms.DateTimeField(
        label=_("Start"),
        widget=LocalDateTime(),
        help_text=_("If the start has passed and the end has not, the first run is sent at once."),
    )
    ends_at = forms.DateTimeField(
        label=_("End"),
        widget=LocalDateTime(),
        required=False,
        help_text=_("Leave it empty to run until you stop it. Mail not sent by then will not go out."),
    )
    time_zone = ZoneField(
        label=_("Time zone of the schedule"),
        help_text=_("Type a city. A daily run keeps its time on this zone's clocks, even when they change."),
    )

    from_local = forms.CharField(
        label=_("Sender's address"),
        max_length=64,
        required=False,
        widget=forms.TextInput({"placeholder": "news", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("The part before the @. Leave it empty for the service's own address."),
    )

    class Meta:
        model = Mailing
        fields = (
            *("name", "message", "groups", "clients", "excluded", "each_once"),
            *("from_local", "from_domain", "reply_to"),
            *("period", "starts_at", "ends_at", "time_zone"),
        )
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"}), "period": forms.Select}

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, owner=owner, **kwargs)
        self._choices("message").queryset = self._messages()
        self._choices("message").empty_label = _("Choose a message")
        self._choices("groups").queryset = ClientGroup.objects.owned_by(owner)
        self._choices("excluded").queryset = ClientGroup.objects.owned_by(owner)
        self._choices("clients").queryset = Client.objects.owned_by(owner)
        self._offer_senders()
        for name in ("message", "excluded", "from_domain", "reply_to", *RECIPIENTS):
            for code in ("invalid_choice", "invalid_pk_value"):
                self.fields[name].error_messages[code] = NOT_YOURS

    def _messages(self) -> "QuerySet[Message]":
        """Those on offer, and the one that this mailing already sends."""
        own = Message.objects.owned_by(self.owner)
        return own.sendable() | own.filter(pk=self.instance.message_id)

    def _offer_senders(self) -> None:
        """Domains that are proved and addresses that are confirmed, and what the mailing has already."""
        proved, confirmed = Q(state=DomainState.PROVED), Q(confirmed_at__isnull=False)
        domains = SenderDomain.objects.owned_by(self.owner)
        addresses = ReplyAddress.objects.owned_by(self.owner)
        domain, address = self._choices("from_domain"), self._choices("reply_to")
        domain.queryset = domains.filter(proved | Q(pk=self.instance.from_domain_id))
        address.queryset = addresses.filter(confirmed | Q(pk=self.instance.reply_to_id))
        domain.empty_label, address.empty_label = _("the service's own"), self.owner.email

    @property
    def latest_draft(self) -> Message | None:
        """The new message that was changed last and not saved yet."""
        return Message.objects.owned_by(self.owner).filter(body="", archived_at=None).first()

    @property
    def has_archived(self) -> bool:
        return Message.objects.owned_by(self.owner).exclude(archived_at=None).exists()

    @property
    def offers_senders(self) -> bool:
        """Whether there is anything to choose from."""
        return any(len(self._choices(name).choices) > 1 for name in ("from_domain", "reply_to"))  # type: ignore[arg-type]

    def _choices(self, name: str) -> "forms.ModelChoiceField[Any]":
        return cast("forms.ModelChoiceField[Any]", self.fields[name])

    @property
    def pickers(self) -> list[Picker]:
        chosen = {name: _ids(self[name].value()) for name in RECIPIENTS}
        found = pickers(self.owner, chosen=chosen, searches=searches(self.data))
        return [
            replace(picker, errors=tuple(str(error) for error in self.errors.get(picker.name, [])))
            for picker in found
        ]

    @cached_property
    def audience(self) -> Audience:
        return audience_of(self.owner, self.pickers, excluded=_ids(self["excluded"].value()))

    @property
    def plan(self) -> Plan | None:
        return plan_of(self, recipients=self.audience.mailable)

    @property
    def sender(self) -> str:
        """The From that recipients will read."""
        self.instance.from_domain = self.cleaned_data["from_domain"]
        self.instance.from_local = self.cleaned_data["from_local"]
        return sender_shown(self.owner, self.instance.from_address)

    def findings(self, look: Look) -> list[Finding]:
        """What to know about a message, as it looks, before it goes to the chosen clients."""
        chosen = {name: [row.pk for row in self.cleaned_data[name]] for name in (*RECIPIENTS, "excluded")}
        return findings_for(message=self.cleaned_data["message"], look=look, owner=self.owner, **chosen)

    @property
    def sent_values(self) -> list[tuple[str, str]]:
        """What was sent with the form, for the step that asks before mail goes out."""
        skipped = ("csrfmiddlewaretoken", "confirmed")
        return [
            (name, value)
            for name, values in cast("QueryDict", self.data).lists()
            if name not in skipped
            for value in values
        ]

    @property
    def searching(self) -> bool:
        """Whether a page without JavaScript asks for a search: nothing is validated or saved yet."""
        return "search" in self.data

    def is_valid(self) -> bool:
        return not self.searching and super().is_valid()

    def full_clean(self) -> None:
        super().full_clean()
        if self.searching:
            self._errors = forms.utils.ErrorDict()

    def clean_from_local(self) -> str:
        return clean_local_part(self.cleaned_data["from_local"].strip())

    def clean_clients(self) -> Any:
        clients = self.cleaned_data["clients"]
        if len(clients) > CHOSEN_LIMIT:
            raise ValidationError(
                ngettext_lazy(
                    "Choose at most %(limit)s client one by one; put more into a group.",
                    "Choose at most %(limit)s clients one by one; put more into a group.",
                    CHOSEN_LIMIT,
                ),
                params={"limit": CHOSEN_LIMIT},
            )
        return clients

    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at < timezone.now() - LONGEST:
            raise ValidationError(_("The start is more than twenty years ago. Choose a later one."))
        return starts_at

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        now = timezone.now()
        if ends_at is None:
            return None
        if ends_at <= now and ("ends_at" in self.changed_data or not self.instance.pk):
            raise ValidationError(_("The end has already passed. Choose a later one."), code="past")
        if ends_at > now + LONGEST:
            raise ValidationError(_("The end is more than twenty years away. Choose an earlier one."))
        return ends_at

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and starts_at >= ends_at:
            self.add_error("ends_at", _("The end must be later than the start."))
        if data.get("from_domain") and not data.get("from_local") and "from_local" not in self.errors:
            self.add_error("from_local", _("Enter the part before the @, such as “news”."))
        if data.get("from_local") and not data.get("from_domain"):
            data["from_local"] = ""
        if "clients" in data and "groups" in data:
            self._check_recipients(data)
        return data

    def _check_recipients(self, data: dict[str, Any]) -> None:
        if not data["clients"] and not data["groups"]:
            self.add_error("groups", _("Choose at least one group or client."))
            return
        chosen: dict[str, Any] = {
            name: [row.pk for row in data.get(name, ())] for name in (*RECIPIENTS, "excluded")
        }
        reached = measure(owner=self.owner, **chosen)
        if reached.problem:
            self.add_error("groups", reached.problem)
        elif not reached.total and any(group.rule is not None for group in data["groups"]):
            return  # those who match later are mailed then
        elif not reached.total and chosen["excluded"]:
            self.add_error("excluded", _("This leaves nobody to mail."))
        elif not reached.total:
            self.add_error("groups", _("The chosen groups are empty. Add clients to them first."))
        elif not reached.mailable:
            self.add_error(
                "groups",
                _("Every recipient is on the stop-list: there is nobody left to mail."),
            )


def pickers(
    owner: User, *, chosen: dict[str, frozenset[int]], searches: dict[str, str] | None = None
) -> list[Picker]:
    """The choice of groups and of clients, each with its search."""
    queries = searches or {}
    groups, clients = RECIPIENTS
    return [
        Picker(
            name=groups,
            title=_("Groups"),
            rows=ClientGroup.objects.owned_by(owner).with_size(),
            search_in=("name",),
            chosen_ids=chosen[groups],
            query=queries.get(groups, ""),
        ),
        Picker(
            name=clients,
            title=_("Single clients"),
            rows=Client.objects.owned_by(owner),
            search_in=("email", "full_name"),
            chosen_ids=chosen[clients],
            query=queries.get(clients, ""),
        ),
    ]


def submitted_pickers(owner: User, data: QueryDict) -> list[Picker]:
    """The pickers of a form that is being filled in."""
    chosen = {name: as_ids(data.getlist(name)) for name in RECIPIENTS}
    return pickers(owner, chosen=chosen, searches=searches(data))


def audience_of(owner: User, chosen: Iterable[Picker], *, excluded: Collection[int] = ()) -> Audience:
    ids = {picker.name: picker.chosen_ids for picker in chosen}
    return measure(owner=owner, clients=ids["clients"], groups=ids["groups"], excluded=excluded)


def searches(data: Any) -> dict[str, str]:
    """What was typed into the pickers' search boxes."""
    return {name: data.get(f"{name}-search", "").replace("\x00", "").strip()[:100] for name in RECIPIENTS}


def _ids(values: Any) -> frozenset[int]:
    return as_ids(getattr(value, "pk", value) for value in values or ())
