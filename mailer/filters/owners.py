from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from site_config.ui.filters import ListFilter, SearchFilter


class OversightFilter(ListFilter):
    """Also filters by owner, for those who see more than their own."""

    owner_in: ClassVar[str]  # the path to the owner

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_authenticated and self.request.user.oversees:
            fields = [f"{self.owner_in}__{name}" for name in ("email", "name", "company")]
            self.filters["owner"] = owner = SearchFilter(fields=fields, label=_("Owner"))
            owner.parent = self
