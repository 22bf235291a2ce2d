"""Real mail servers to send to: each in a folder, with a queue and on a port of its own, and no service.

`python -m bench.servers` has to be run once.
"""

from bench.servers.balancer import Balancer
from bench.servers.exim import CannotMount, Exim
from bench.servers.opensmtpd import OpenSmtpd
from bench.servers.postfix import Postfix
from bench.servers.sendmail import Sendmail
from bench.servers.server import RealServer
from bench.servers.unpack import may_unshare, missing

__all__ = [
    "Balancer",
    "CannotMount",
    "Exim",
    "OpenSmtpd",
    "Postfix",
    "RealServer",
    "Sendmail",
    "may_unshare",
    "missing",
]
