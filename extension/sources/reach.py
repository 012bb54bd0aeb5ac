"""Which addresses the service connects to on a user's behalf.

A repository URL is a request the service sends from its own network. Addresses of link-local and cloud metadata
services hand out the machine's credentials to whoever asks, so they are refused always, after name resolution.
Private addresses and loopback stay allowed by default: on-premises git servers, charts and registries live there; an
operator whose tenants should only reach the Internet turns them off.
"""

from __future__ import annotations

import ipaddress
import socket

import msgspec

from extension.objects.errors import Forbidden, Unavailable

METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(msgspec.Struct, frozen=True):
    """Whether private and loopback addresses may be connected to; link-local and metadata addresses never may."""

    private: bool = True
    loopback: bool = True

    def check_address(self, address: str, where: str) -> None:
        """Raises Forbidden when `address` (text of an IP) may not be connected to."""
        parsed = _plain(ipaddress.ip_address(address.partition("%")[0]))
        if parsed.is_link_local or parsed.is_multicast or parsed in METADATA:
            raise _refused(where, f"{parsed} is a link-local or metadata address")
        if (parsed.is_loopback or parsed.is_unspecified) and not self.loopback:
            raise _refused(where, f"{parsed} is this machine's own address")
        if parsed.is_private and not (parsed.is_loopback or parsed.is_unspecified) and not self.private:
            raise _refused(where, f"{parsed} is a private address")

    def check_name(self, host: str, where: str) -> None:
        """Raises Forbidden for a host that is refused without asking DNS: a literal address, a metadata service's name."""
        name = host.strip("[]").rstrip(".").lower()
        if name in METADATA_NAMES:
            raise _refused(where, f"{name} is a metadata service")
        try:
            socket.inet_aton(name)
        except OSError:
            literal = name if ":" in name else ""
        else:
            literal = socket.inet_ntoa(socket.inet_aton(name))
        if literal:
            self.check_address(literal, where)

    def resolve(self, host: str, port: int, where: str) -> tuple[str, ...]:
        """The addresses of `host`, all of them allowed. Raises Forbidden, or Unavailable when the name is unknown."""
        self.check_name(host, where)
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise unknown_host(host, where, error) from None
        addresses = tuple(dict.fromkeys(str(item[4][0]) for item in found))
        for address in addresses:
            self.check_address(address, where)
        return addresses


def unknown_host(host: str, where: str, error: BaseException) -> Unavailable:
    reason = getattr(error, "strerror", None) or "the name can't be resolved"
    return Unavailable(f"host {host} is unknown: {reason}", where=where, hint="check the URL and the DNS of the service", hop="address")


def _plain(address: Address) -> Address:
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address


def _refused(where: str, why: str) -> Forbidden:
    return Forbidden(f"not connected: {why}", where=where, hint="use the public or in-house address of the server")
