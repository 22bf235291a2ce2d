"""The smallest mails that can be sent, without a database."""

from django.core.mail import EmailMultiAlternatives

BODY = "Subject: x\r\n\r\n.dot\r\nпривет\r\n"


class Note:
    """A mail of a few lines."""

    def __init__(self, to: str, content: str = BODY) -> None:
        self.to, self.content = to, content
        self.breaks = 0
        self.late_after: float | None = None

    def prepare(self, *, eight_bit: bool) -> None:
        pass

    def as_django(self) -> EmailMultiAlternatives:
        raise NotImplementedError

    def write(self, *, eight_bit: bool, utf8: bool) -> bytes:
        return (self.content if eight_bit else "Subject: x\r\n\r\n.dot\r\n").encode()
