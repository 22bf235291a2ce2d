"""The cases, by server; the numbers are those of the table in docs/sending.md."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.drills.servers.helpers import Silent, certificate, greylisting
from bench.drills.servers.run import Case, Drill
from bench.servers import Balancer, Exim, OpenSmtpd, Postfix, Sendmail

EVERY_TENTH, NINE_OF_TEN = range(5, 400, 10), [number for number in range(400) if number % 10]
NOT_OURS = "mynetworks = 192.0.2.0/24\nrelay_domains ="


def _locals(numbers: Iterable[int]) -> str:
    return " : ".join(f"client{number}" for number in numbers)


def _quoted(numbers: Iterable[int]) -> list[str]:
    return [f'"client{number}@example.org"' for number in numbers]


def _known(numbers: Iterable[int]) -> str:
    return "".join(f"client{number}@example.org -\n" for number in numbers)


@contextmanager
def _with_certificate(kind: str, port: int) -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="mailings-certificate-") as folder:
        Path(folder).chmod(0o755)
        cert, key = certificate(Path(folder))
        if kind == "demands":
            files = f"smtpd_tls_cert_file = {cert}\nsmtpd_tls_key_file = {key}"
            server: Any = Postfix(f"smtpd_tls_security_level = encrypt\n{files}", port=port)
        else:
            tls = f"tls_certificate = {cert}\ntls_privatekey = {key}"
            server = Exim(main=tls, tls_hosts="*", from_the_start=kind == "from the start", port=port)
        with server:
            yield server


NO_EXTENSIONS = "smtpd_discard_ehlo_keywords = pipelining, chunking, 8bitmime, size, smtputf8"


@contextmanager
def _two_that_differ(port: int) -> Iterator[Balancer]:
    with Exim() as exim, Postfix(NO_EXTENSIONS) as postfix, Balancer(exim, postfix, port=port) as both:
        yield both


@contextmanager
def _one_of_two_refuses(port: int) -> Iterator[Balancer]:
    refusing = f"{NOT_OURS}\nsmtpd_relay_restrictions = reject_unauth_destination"
    with Postfix(refusing) as refuses, Postfix() as takes, Balancer(refuses, takes, port=port) as both:
        yield both


def _spool_fills_and_is_freed(drill: Drill) -> None:
    """Full at some 500 of 2,000, room for as many more, full again, room for all."""
    drill.send(20)
    _none_lost(drill)
    for size, seconds in (("12m", 20), ("64m", 30), ("64m", 30), ("64m", 30)):
        drill.server.resize(size)
        drill.inside("rested")
        drill.wait(seconds)
        _none_lost(drill)


def _none_lost(drill: Drill) -> None:
    if lost := drill.never_lost():
        raise RuntimeError(f"{len(lost)} are said to be sent that Exim does not have")


def _put_right(drill: Drill) -> None:
    """Held; then the cause is put right, and its owner says "Try again"."""
    drill.send()
    drill.server.change("")
    drill.try_again()
    drill.wait(drill.case.seconds)


def _first_put_right(drill: Drill) -> None:
    """The same, where the first of two servers is at fault."""
    drill.send()
    if drill.state["end"] != "held" or not drill.state["sent"]:
        raise RuntimeError(f"{drill.state['sent']} were sent, and it is {drill.state['end']}")
    drill.server.servers[0].change("")
    drill.try_again()
    drill.wait(drill.case.seconds)


def _long_names(drill: Drill) -> None:
    drill.inside("rename", "Александра-Екатерина Константиновна Преображенская-Вознесенская-Архангельская")
    drill.send()


def _whole_mailboxes(drill: Drill) -> str:
    cut = [text for text in drill.server.queued if "H?" in text and "@example.org>" not in _to(text)]
    return f"{len(cut)} fields To are cut" if cut or not drill.server.queued else ""


def _to(queued: str) -> str:
    """The field To, unfolded."""
    _, _, rest = queued.partition("?To: ")
    lines = rest.split("\n")
    following = [line for line in lines[1:4] if line[:1] in (" ", "\t")]
    return " ".join([lines[0], *following])


def _dead_are_suppressed(drill: Drill) -> str:
    wanted = {f"client{number}@example.org" for number in drill.case.refused}
    found = set(drill.state["suppressed"])
    return "" if found == wanted else f"{len(found)} of {len(wanted)} are on the stop-list"


def _few_lines(drill: Drill) -> str:
    lines = drill.state["answers"].splitlines()
    return "" if len(lines) <= 4 and lines[0].partition(" × ")[2].startswith("550") else f"{len(lines)} lines"


def _postfix(settings: str = "", **files: str) -> Any:
    return lambda port: Postfix(settings, files=files, port=port)


def _exim(**how: Any) -> Any:
    return lambda port: Exim(**how, port=port)


def _about_us(what: str, server: Any, says: str, **more: Any) -> Case:
    return Case(what=what, server=server, end="held", says=says, seconds=20, **more)


CASES: dict[str, Case] = {
    # 1
    "exim-full-spool": Case(
        what="CHUNKING into a spool of 6 MB that fills, is freed, fills again and is freed",
        server=_exim(spool="6m"), recipients=2000, steps=_spool_fills_and_is_freed, seconds=400,
    ),
    # 2
    "postscreen-6-s": Case(
        what="a greeting that comes after six seconds",
        server=lambda port: Postfix("postscreen_access_list =\npostscreen_greet_action = enforce\n"
                                    "postscreen_greet_wait = 6s", postscreen=True, port=port),
        recipients=300, seconds=20,
    ),
    "postscreen-8-s": Case(
        what="a greeting that comes after eight seconds",
        server=lambda port: Postfix("postscreen_access_list =\npostscreen_greet_action = enforce\n"
                                    "postscreen_greet_wait = 8s", postscreen=True, port=port),
        recipients=300, seconds=25,
    ),
    "silence": Case(
        what="a server that never greets",
        server=lambda port: Silent(drops=False, port=port), seconds=22,
        end="rests", says="did not greet within 20 seconds",
    ),
    "firewall": Case(
        what="a firewall that drops",
        server=lambda port: Silent(drops=True, port=port), seconds=22,
        end="rests", says="could not be reached within 20 seconds",
    ),
    "exim-plain-to-tls": Case(
        what="smtp:// to a port that speaks TLS from the start",
        server=lambda port: _with_certificate("from the start", port), seconds=22,
        end="rests", says="did not greet within 20 seconds",
    ),
    # 3
    "postfix-no-log-in": _about_us(
        "no log-in on a submission port, refused at RCPT",
        _postfix("smtpd_recipient_restrictions =\nsmtpd_client_restrictions = reject"), "554 5.7.1",
    ),
    "postfix-helo": _about_us(
        "a name in EHLO that it does not like",
        _postfix("smtpd_helo_required = yes\nsmtpd_helo_restrictions = check_helo_access regexp:{etc}/helo",
                 helo="/./ 504 5.5.2 need fully-qualified hostname\n"), "504 5.5.2",
    ),
    "postfix-relay": _about_us("relaying is denied, for now", _postfix(NOT_OURS), "454 4.7.1"),
    "postfix-relay-put-right": Case(
        what="relaying is denied; then it is put right",
        server=_postfix(NOT_OURS), steps=_put_right, seconds=30,
    ),
    "postfix-sender-domain": _about_us(
        "the sender's domain is not found, for now",
        _postfix("smtpd_sender_restrictions = check_sender_access texthash:{etc}/senders",
                 senders="news@example.com 450 4.1.8 Sender address rejected: Domain not found\n"),
        "450 4.1.8",
    ),
    "postfix-header-checks": _about_us(
        "a header that it refuses",
        _postfix("header_checks = regexp:{etc}/headers", headers="/^Subject:/ REJECT\n"), "550 5.7.1",
    ),
    "exim-relay": _about_us(
        "relaying is not permitted", _exim(at_rcpt="  deny message = relay not permitted"), "relay not"
    ),
    "exim-authentication": _about_us(
        "a log-in is wanted", _exim(at_rcpt="  deny message = authentication required"), "authentication"
    ),
    "exim-sender-verify": _about_us(
        "the sender cannot be verified", _exim(at_rcpt="  deny message = Sender verify failed"), "verify"
    ),
    "exim-spam": _about_us(
        "the content is called spam",
        _exim(at_data="  deny message = This message was classified as SPAM"), "SPAM",
    ),
    "exim-content": _about_us(
        "the content is refused", _exim(at_data="  deny message = content refused"), "content refused"
    ),
    "opensmtpd-no-rule": _about_us(
        "no rule for the domain", lambda port: OpenSmtpd(matching="mail-from <nobody>", port=port,
                                                         main='table nobody { "nobody@example.com" }'),
        "550 Invalid",
    ),
    "sendmail-access": _about_us(
        "its access map refuses us",
        lambda port: Sendmail(features="FEATURE(`delay_checks')dnl", port=port,
                              access="From:example.com ERROR:5.7.1:550 Access denied\n"), "550 5.7.1",
    ),
    # 4
    "postfix-size": _about_us(
        "a mail that is too large", _postfix("message_size_limit = 1000"), "takes 1000"
    ),
    "exim-size": _about_us("a mail that is too large", _exim(main="message_size_limit = 1K"), "takes 1024"),
    "opensmtpd-size": _about_us(
        "a mail that is too large",
        lambda port: OpenSmtpd(main="smtp max-message-size 1024", port=port), "takes 1024",
    ),
    "sendmail-size": _about_us(
        "a mail that is too large",
        lambda port: Sendmail(features="define(`confMAX_MESSAGE_SIZE', `1024')dnl", port=port), "takes 1024",
    ),
    # 5
    "exim-10-%-dead": Case(
        what="every tenth of 400 dead", server=_exim(at_rcpt=f"  deny local_parts = {_locals(EVERY_TENTH)}\n"
                                                            "       message = 5.1.1 User unknown"),
        recipients=400, refused=EVERY_TENTH,
    ),
    "exim-90-%-dead": Case(
        what="nine of ten of 400 dead", server=_exim(at_rcpt=f"  deny local_parts = {_locals(NINE_OF_TEN)}\n"
                                                            "       message = 5.1.1 User unknown"),
        recipients=400, refused=NINE_OF_TEN,
    ),
    "postfix-error-limit": Case(
        what="a hard error limit of five, every tenth dead",
        server=_postfix("smtpd_hard_error_limit = 5\nrelay_recipient_maps = texthash:{etc}/known",
                        known=_known(n for n in range(970) if n not in range(5, 970, 10))),
        recipients=970, refused=range(5, 970, 10),
    ),
    "exim-421-at-mail": Case(
        what="421 at MAIL after ten mails on a connection", recipients=400,
        server=_exim(main="smtp_accept_max_per_connection = 10"),
    ),
    "exim-drop-at-rcpt": Case(
        what="every tenth is refused, and the connection closed", recipients=376, refused=range(5, 376, 10),
        server=_exim(at_rcpt=f"  drop local_parts = {_locals(range(5, 376, 10))}\n"
                             "       message = 5.1.1 User unknown"),
    ),
    "postfix-tls-demanded": _about_us(
        "TLS required and not used", lambda port: _with_certificate("demands", port), "Must issue a STARTTLS",
        recipients=400,
    ),
    "exim-tls-demanded": _about_us(
        "TLS required by an ACL and not used",
        _exim(at_rcpt="  deny !encrypted = *\n       message = TLS required"), "TLS required", recipients=400,
    ),
    # 6
    "postfix-report": Case(
        what="the report of 300 with 30 dead",
        server=_postfix("relay_recipient_maps = texthash:{etc}/known",
                        known=_known(n for n in range(300) if n not in range(5, 300, 10))),
        recipients=300, refused=range(5, 300, 10), check=_few_lines,
    ),
    "exim-report": Case(
        what="the report of 300 with 30 dead",
        server=_exim(at_rcpt=f"  deny local_parts = {_locals(range(5, 300, 10))}\n"
                             "       message = 5.1.1 User unknown"),
        recipients=300, refused=range(5, 300, 10), check=_few_lines,
    ),
    # 7
    "exim-breaks": Case(
        what="500 mails, the connection cut after each hundred answers",
        server=_exim(main="smtp_accept_max_per_connection = 100"), recipients=500,
    ),
    # 8
    "postfix-tarpit": Case(
        what="300 unknown before 700 good",
        server=_postfix("relay_recipient_maps = texthash:{etc}/known", known=_known(range(300, 1000))),
        recipients=1000, refused=range(300),
    ),
    "postfix-greylisting": Case(
        what="1,000 greylisted for 50 s", server=lambda port: greylisting(50, port), recipients=1000,
        seconds=180,
    ),
    # 9
    "sendmail-3-a-minute": Case(
        what="three new connections a minute",
        server=lambda port: Sendmail(
            features="FEATURE(`ratecontrol', `nodelay', `terminate')dnl",
            access="ClientRate:127.0.0.1 3\n", port=port,
        ),
        recipients=300, seconds=120,
    ),
    "postfix-5-a-minute": Case(
        what="five new connections a minute", server=lambda port: Postfix(
            "smtpd_client_connection_rate_limit = 5\nsmtpd_client_event_limit_exceptions =", port=port),
        recipients=300, seconds=120,
    ),
    # 10
    "postfix-recipient-rate": Case(
        what="300 recipients a minute of 1,000", server=_postfix(
            "smtpd_client_recipient_rate_limit = 300\nsmtpd_client_event_limit_exceptions ="),
        recipients=1000, seconds=700,
    ),
    # 11
    "sendmail-long-names": Case(
        what="names of more than 73 Cyrillic letters", server=lambda port: Sendmail(port=port),
        recipients=100, steps=_long_names, check=_whole_mailboxes,
    ),
    # 12
    "exim-self-signed": Case(
        what="STARTTLS with a certificate that nobody has signed",
        server=lambda port: _with_certificate("offers", port), seconds=10, end="rests",
        says="MAIL_TLS_FINGERPRINT", url="smtp+tls://localhost:{port}",
    ),
    "exim-no-tls-here": Case(
        what="smtp+ssl:// to a plain port", server=_exim(), seconds=10, end="rests",
        says="use smtp+tls://", url="smtp+ssl://localhost:{port}",
    ),
    "exim-unrouteable": Case(
        what="“Unrouteable address” for some of 200", refused=range(5, 200, 20), check=_dead_are_suppressed,
        server=_exim(at_rcpt=f"  deny local_parts = {_locals(range(5, 200, 20))}\n"
                             "       message = Unrouteable address"),
    ),
    "opensmtpd-invalid": Case(
        what="“Invalid recipient” for some of 200", refused=range(5, 200, 20), check=_dead_are_suppressed,
        server=lambda port: OpenSmtpd(
            main=f"table dead {{ {', '.join(_quoted(range(5, 200, 20)))} }}",
            matching="! rcpt-to <dead>", port=port,
        ),
    ),
    # Two behind one name
    "two-that-differ": Case(
        what="Exim with everything and Postfix with no extension behind one name", server=_two_that_differ,
        recipients=1000,
    ),
    "one-of-two-refuses": Case(
        what="one of two behind one name refuses to relay; then it is put right",
        server=_one_of_two_refuses, steps=_first_put_right,
    ),
    # And nothing the matter with them
    "opensmtpd": Case(what="all is well", server=lambda port: OpenSmtpd(port=port), recipients=1000),
    "sendmail": Case(what="all is well", server=lambda port: Sendmail(port=port), recipients=1000),
    "exim": Case(what="all is well", server=_exim(), recipients=1000),
    "postfix": Case(what="all is well", server=_postfix(), recipients=1000),
}  # fmt: skip
