"""A DNS server on loopback that knows what a test gives it, and remembers what it was asked."""

import socket
from threading import Thread
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = dict[tuple[str, str], list[str]]


class DnsServer:
    """`records`: by name and type; a list of lists is answered one after the other, the last for good."""

    def __init__(self) -> None:
        self.records: Records = {}
        self.turns: dict[tuple[str, str], list[list[str]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.silent = False
        self.broken = False  # SERVFAIL to everything
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = self._socket.getsockname()
        self._thread = Thread(target=self._serve, daemon=True)

    def txt(self, name: str, *texts: str) -> None:
        """Let these be all TXT records of a name."""
        self.records[name, "TXT"] = [_quoted(text) for text in texts]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            if not self.silent:
                self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        key = name, dns.rdatatype.to_text(question.rdtype)
        self.asked.append(key)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        turns = self.turns.get(key)
        found = turns.pop(0) if turns and len(turns) > 1 else turns[0] if turns else self.records.get(key)
        if found:
            answer.answer.append(dns.rrset.from_text(question.name, 1, "IN", key[1], *found))
        elif not any(known == name for known, _kind in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def _quoted(text: str) -> str:
    """As a zone file has it: in strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) or '""'
