"""Signals for the apps above this one, which connect in their AppConfig: people imports none of them.

unblocked(user): their work may go on. Sent inside the transaction. allowance_changed(user): they may send
more or fewer mails. Sent inside the transaction. closing(user): the account is about to be deleted; remove
what would prevent that. Sent inside the transaction. inventory(user): return what is deleted with the
account, as sentences.
"""

from django.dispatch import Signal

unblocked = Signal()
allowance_changed = Signal()
closing = Signal()
inventory = Signal()
