"""Values of DNS records, written so that equal texts mean equal records.

Names compare without case and final dot (RFC 4343), a text as a whole whatever strings it is sent in
(RFC 7208, section 3.3; RFC 6376, section 3.6.2.2), an address by its number, CAA by its fields (RFC 8659).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer

_EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "letsencrypt.org"',
    "MX": "10 mail.example.org",
    "SOA": "ns.example.org hostmaster.example.org 1 7200 3600 1209600 300",
    "SRV": "10 5 443 host.example.org",
    "TXT": "v=spf1 -all",
}
_PRINTABLE = range(0x20, 0x7F)


_HOST = re.compile(
    r"(?=.*[A-Za-z])(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z][A-Za-z0-9-]*\.?"
)


def stands_for_others(kind: str, text: str) -> bool:
    """Return whether a value of A or AAAA is a name, which stands for its addresses."""
    return kind in {"A", "AAAA"} and bool(_HOST.fullmatch(text))


def of_other_family(kind: str, text: str) -> bool:
    """Return whether a value is an address that records of this type cannot hold: IPv6 in A, IPv4 in AAAA."""
    versions = {"A": 6, "AAAA": 4}
    try:
        return ipaddress.ip_address(text).version == versions.get(kind)
    except ValueError:
        return False


def wanted(kind: str, text: str) -> str:
    """Return the value that an item wants, as :func:`meaning` writes it; raises ValueError if it is none."""
    try:
        if kind == "TXT":
            return _text(_strings(text))
        record = dns.rdata.from_text("IN", kind, text, origin=dns.name.root, relativize=False)
    except (dns.exception.DNSException, ValueError) as error:
        message = (
            f"{text!r} is not a value of {kind}; write for example {_EXAMPLES.get(kind, 'host.example.org')}"
        )
        raise ValueError(message) from error
    return meaning(record)


def meaning(record: dns.rdata.Rdata) -> str:
    """Return the value of a record."""
    below: Any = record
    kind = dns.rdatatype.to_text(record.rdtype)
    if kind in {"A", "AAAA"}:
        return str(ipaddress.ip_address(below.address))
    if kind == "TXT":
        return _text(b"".join(below.strings))
    if kind == "CAA":
        return _authority(below.flags, below.tag.decode().lower(), below.value.decode("utf-8", "replace"))
    return " ".join(_name(word) for word in record.to_text().lower().split())


def offers(kind: str, value: str) -> bool:
    """Return whether a record offers something: a target ``.`` says that there is no such service.

    RFC 7505 (null MX); RFC 2782 (SRV).
    """
    return not (kind in {"MX", "SRV"} and value.endswith(" ."))


def _name(word: str) -> str:
    return word if word == "." else word.rstrip(".")


def _strings(text: str) -> bytes:
    """Return the bytes of a text: of its quoted strings together, or as it stands."""
    if not text.startswith('"'):
        return text.encode()
    tokens = dns.tokenizer.Tokenizer(text)
    found = b""
    while not (token := tokens.get()).is_eol_or_eof():
        found += token.unescape_to_bytes().value
    return found


def _text(content: bytes) -> str:
    return f'"{"".join(map(_character, content))}"'


def _character(one: int) -> str:
    if chr(one) in {'"', "\\"}:
        return f"\\{chr(one)}"
    return chr(one) if one in _PRINTABLE else f"\\{one:03d}"


def _authority(flags: int, tag: str, value: str) -> str:
    """Write a CAA record; in ``issue`` the domain is a name, and space around ``;`` means nothing."""
    if tag.startswith("issue"):
        domain, *parameters = (part.strip() for part in value.split(";"))
        value = "; ".join([domain.lower().rstrip("."), *parameters]) if domain or any(parameters) else ";"
    return f'{flags} {tag} "{value}"'
