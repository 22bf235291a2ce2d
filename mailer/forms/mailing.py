from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from mailer.audience import Audience, measure
from mailer.forms.picker import CHOSEN_LIMIT, Picker, as_ids
from mailer.models import Client, ClientGroup, Mailing, Message
from people.models import ZONES, User

LONGEST = timedelta(days=366 * 20)


class LocalDateTime(forms.DateTimeInput):
    """The browser's own date and time input, to the minute, in the user's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class MailingForm(forms.ModelForm[Mailing]):
    """A mailing of one owner: nothing of another owner is offered or accepted."""

    starts_at = forms.DateTimeField(label=_("Start"), widget=LocalDateTime())
    ends_at = forms.DateTimeField(label=_("End"), widget=LocalDateTime())
    time_zone = forms.ChoiceField(
        label=_("Time zone of the schedule"),
        choices=[(zone, zone.replace("_", " ")) for zone in ZONES],
        help_text=_("A daily run keeps its hour on this zone's clocks, also when they change."),
    )
    form_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Mailing
        fields = ("message", "groups", "clients", "starts_at", "ends_at", "period", "time_zone")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        self.instance.owner = owner
        self._choices("message").queryset = Message.objects.owned_by(owner)
        self._choices("groups").queryset = ClientGroup.objects.owned_by(owner)
        self._choices("clients").queryset = Client.objects.owned_by(owner)
        self._choices("message").empty_label = _("Choose a message")
        for name in ("groups", "clients"):
            self.fields[name].error_messages["invalid_choice"] = _("One of these is not yours, or is gone.")
        self.query: dict[str, str] = {}

    def _choices(self, name: str) -> forms.ModelChoiceField[Any]:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 (for the type checker)
        return field

    @property
    def pickers(self) -> list[Picker]:
        return pickers(
            self.owner,
            groups=as_ids(_ids(self["groups"].value())),
            clients=as_ids(_ids(self["clients"].value())),
            query=self.query,
        )

    @property
    def audience(self) -> Audience:
        chosen = {picker.name: picker.chosen_ids for picker in self.pickers}
        return measure(owner=self.owner, clients=chosen["clients"], groups=chosen["groups"])

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

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        now = timezone.now()
        if ends_at <= now and ("ends_at" in self.changed_data or not self.instance.pk):
            raise ValidationError(_("The end has passed already. Choose a later one."), code="past")
        if ends_at > now + LONGEST:
            raise ValidationError(_("The end is more than twenty years away. Choose an earlier one."))
        return ends_at

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and starts_at >= ends_at:
            self.add_error("ends_at", _("The end must be later than the start."))
        if "clients" in data and "groups" in data:
            self._check_recipients(data)
        return data

    def _check_recipients(self, data: dict[str, Any]) -> None:
        reached = measure(
            owner=self.owner,
            clients=[row.pk for row in data["clients"]],
            groups=[row.pk for row in data["groups"]],
        )
        if not data["clients"] and not data["groups"]:
            self.add_error("groups", _("Choose at least one group or client."))
        elif not reached.total:
            self.add_error("groups", _("The chosen groups are empty. Add clients to them first."))
        elif not reached.mailable:
            self.add_error(
                "groups",
                _("Every recipient has unsubscribed or bounced: there is nobody left to mail."),
            )


def pickers(
    owner: User, *, groups: frozenset[int], clients: frozenset[int], query: dict[str, str]
) -> list[Picker]:
    """The choice of groups and of clients, each with its search."""
    return [
        Picker(
            name="groups",
            rows=ClientGroup.objects.owned_by(owner),
            search_in=("name",),
            chosen_ids=groups,
            query=query.get("groups", ""),
        ),
        Picker(
            name="clients",
            rows=Client.objects.owned_by(owner),
            search_in=("email", "full_name"),
            chosen_ids=clients,
            query=query.get("clients", ""),
        ),
    ]


def searches(data: QueryDict) -> dict[str, str]:
    """What was typed into the pickers' search boxes."""
    return {name: data.get(f"{name}-search", "").strip()[:100] for name in ("groups", "clients")}


def _ids(value: Any) -> list[object]:
    return [getattr(item, "pk", item) for item in value or ()]
