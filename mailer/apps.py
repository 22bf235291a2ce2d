from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailerConfig(AppConfig):
    name = "mailer"
    verbose_name = _("Mailings")

    def ready(self) -> None:
        from mailer import notices, oversight  # models are not loaded before
        from people import notifying, signals

        notifying.register(*notices.NOTICES)

        signals.unblocked.connect(oversight.owner_unblocked)
        signals.allowance_changed.connect(oversight.allowance_changed)
        signals.closing.connect(oversight.owner_leaves)
        signals.inventory.connect(oversight.belongings)
