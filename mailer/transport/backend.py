from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from django.core.mail import get_connection

from mailer.transport.base import CannotWrite, MailResult, OutgoingMessage, Result, ServerAway, Verdict
from mailer.transport.refusals import classify
from mailer.transport.verdicts import cannot_write


class BackendTransport:
    """Any Django mail backend (django-anymail and the like): it accepts, refuses or raises."""

    busy = 0
    opening = False

    def __init__(self, *, may_begin: Callable[[], bool]) -> None:
        self._connection = get_connection()
        self._may_begin = may_begin
        self._queue: deque[OutgoingMessage] = deque()
        self._failure: ServerAway | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def put(self, mails: Iterable[OutgoingMessage]) -> None:
        self._queue.extend(mails)

    def withdraw(self) -> list[OutgoingMessage]:
        mails = list(self._queue)
        self._queue.clear()
        return mails

    def poll(self, timeout: float) -> list[MailResult]:
        """Send one mail; see Transport.poll."""
        if self._failure:
            raise self._failure
        if not self._queue or not self._may_begin():
            return []
        mail = self._queue.popleft()
        if mail.late_after is not None and monotonic() > mail.late_after:
            return [(mail, None)]
        return [(mail, self._send(mail))]

    def close(self) -> None:
        self._connection.close()

    def _send(self, mail: OutgoingMessage) -> Result | ServerAway:
        try:
            sent = self._connection.send_messages([mail.as_django()])
        except CannotWrite as error:
            return cannot_write(error)
        except Exception as error:  # a backend may raise anything; nothing may stop the worker
            # Errors that are not the network's may be the mail's own: they cost a try.
            in_hand = not isinstance(error, OSError)
            self._failure = ServerAway(f"{type(error).__name__}: {error}"[:500], in_hand=in_hand)
            return self._failure
        if sent:
            return Result(verdict=Verdict.ACCEPTED, text="accepted by the mail back end")
        text = "not accepted by the mail back end"
        return Result(verdict=Verdict.LATER, text=text, refusal=classify(451, text))
