"""What roles are called: their names are data, and those in the fixture are translated."""

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext, gettext_noop
from django_filters import ModelChoiceFilter
from django_filters.fields import ModelChoiceField as FilterField

from site_config.ui.forms import RowsField

NAMES = (gettext_noop("Manager"), gettext_noop("Content manager"))


def role_name(group: Group) -> str:
    return gettext(group.name) if group.name in NAMES else group.name


class RolesField(RowsField):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Group) -> str:
        return role_name(obj)


class _RoleField(FilterField):
    def label_from_instance(self, obj: Group) -> str:
        return role_name(obj)


class RoleFilter(ModelChoiceFilter):
    field_class = _RoleField
