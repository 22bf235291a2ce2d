from django.core.mail import EmailMultiAlternatives, get_connection

from mailer.sending.transport.base import Answer, ServerAway, Verdict


class BackendTransport:
    """Any Django mail back end (django-anymail and the like): it says yes, no, or raises."""

    def __init__(self) -> None:
        self._connection = get_connection()

    def send(self, mail: EmailMultiAlternatives, *, to: str) -> Answer:  # noqa: ARG002
        try:
            sent = self._connection.send_messages([mail])
        except Exception as error:  # a back end may raise anything; none of it may stop the worker
            raise ServerAway(f"{type(error).__name__}: {error}"[:500]) from error
        if sent:
            return Answer(verdict=Verdict.ACCEPTED, text="accepted by the mail back end")
        return Answer(verdict=Verdict.LATER, text="not accepted by the mail back end")

    def close(self) -> None:
        self._connection.close()
