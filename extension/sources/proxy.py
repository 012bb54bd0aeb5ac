"""Which proxy a connection goes through: the environment's variables, read as Go programs (Fleet, Helm) read them.

One reading for every fetch: HTTP requests, git's and ssh's processes are all told what `Proxies.between` says, so that
no library's own idea of NO_PROXY lets a connection around the proxy or into it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from extension.objects.errors import Invalid
from extension.sources.remote import redact


class Proxies(msgspec.Struct, frozen=True):
    """The proxies by scheme (`http://user:password@host:port`, empty for none) and the parsed NO_PROXY list."""

    http: str = ""
    https: str = ""
    all: str = ""
    no_proxy: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Proxies:
        """From HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY or their lower-case names. Raises Invalid for a bad URL."""
        urls = {name: _proxy_url(environ, f"{name}_PROXY") for name in ("HTTP", "HTTPS", "ALL")}
        listed = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        return cls(
            http=urls["HTTP"] or urls["ALL"],
            https=urls["HTTPS"] or urls["ALL"],
            all=urls["ALL"] or urls["HTTPS"],
            no_proxy=tuple(entry.strip().lower() for entry in listed.split(",") if entry.strip()),
        )

    def between(self, scheme: str, host: str, port: int) -> str:
        """The proxy's URL for a connection, or empty for a direct one. `ssh` and `git` use ALL_PROXY, else HTTPS_PROXY."""
        proxy = {"http": self.http, "https": self.https}.get(scheme, self.all)
        return "" if not proxy or self._direct(host.lower().rstrip("."), port) else proxy

    def _direct(self, host: str, port: int) -> bool:
        address = _address(host)
        if host == "localhost" or (address and address.is_loopback):
            return True
        return any(_matches(entry, host, port, address) for entry in self.no_proxy)

    def __repr__(self) -> str:
        return f"Proxies(http={redact(self.http)}, https={redact(self.https)}, all={redact(self.all)}, no_proxy={self.no_proxy})"


def _proxy_url(environ: Mapping[str, str], name: str) -> str:
    url = environ.get(name) or environ.get(name.lower()) or ""
    if not url:
        return ""
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise Invalid(f"{redact(url)!r} is not the URL of an HTTP proxy", where=name, hint="use http://host:port or https://host:port")
    return url


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _matches(entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    """One NO_PROXY entry: `*`, an address, a CIDR, a domain (with its subdomains), `.domain` (those only), each with `:port`."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.startswith("[") or ":" not in name):
        if int(wanted) != port:
            return False
        entry = name
    listed = _address(entry)
    if listed or address:
        return listed == address
    entry = entry.removeprefix("*") if entry.startswith("*.") else entry
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")
