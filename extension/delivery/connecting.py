"""How connections to an API server are made, by its certificates, ours, and the proxy that leads there; and how one is ended."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import urllib3

from extension.delivery.kubeconfig import Endpoint
from extension.objects.errors import Invalid

_OPTIONS = urllib3.connection.HTTPConnection.default_socket_options
_KEPT_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A watch on a server that is gone without a word ends after a minute."""


def usable(endpoint: Endpoint, size: int) -> urllib3.PoolManager:
    """The connections to an endpoint. Raises Invalid for certificates or a proxy that are none."""
    try:
        return _pool(endpoint, size)
    except urllib3.exceptions.HTTPError as error:
        raise Invalid(f"the proxy can't be used: {error}", where=endpoint.server) from None
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise Invalid(f"the certificates can't be used: {error}", where=endpoint.server) from None


def cut_off(answer: urllib3.BaseHTTPResponse) -> None:
    """Ends what is read from an answer, from whatever thread; nothing where that has ended."""
    with suppress(ValueError, RuntimeError, OSError):  # urllib3 and the system say so each in their way
        answer.shutdown()


def _pool(endpoint: Endpoint, size: int) -> urllib3.PoolManager:
    context: ssl.SSLContext | None = None
    if endpoint.server.startswith("https://"):
        context = ssl.create_default_context(cadata=endpoint.ca or None)
        if endpoint.insecure:
            # The kubeconfig says so; a warning a request would tell nobody anything new.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if endpoint.certificate:
            _load_certificate(context, endpoint)
    options: dict[str, Any] = {"maxsize": size, "block": False, "ssl_context": context, "socket_options": [*_OPTIONS, *_KEPT_ALIVE]}
    if endpoint.server_name:
        options["server_hostname"] = endpoint.server_name
    proxy = endpoint.proxy or _environment_proxy(endpoint.server)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _load_certificate(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    import tempfile  # noqa: PLC0415 (only with client certificates)

    # OpenSSL takes them from files only; the file is private and gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{endpoint.certificate}\n{endpoint.key}\n")
        file.flush()
        context.load_cert_chain(file.name)


def _environment_proxy(server: str) -> str:
    import urllib.request  # noqa: PLC0415 (the standard library knows HTTPS_PROXY, and NO_PROXY but for networks)

    url, proxies = urlsplit(server), urllib.request.getproxies()
    if urllib.request.proxy_bypass(url.netloc) or _is_within(url.hostname or "", proxies.get("no", "")):
        return ""
    return proxies.get(url.scheme, "")


def _is_within(host: str, networks: str) -> bool:
    """Whether the host is an address of one of the networks in a NO_PROXY list, which the standard library knows nothing of."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in networks.split(","):
        with suppress(ValueError):
            if "/" in entry and address in ipaddress.ip_network(entry.strip(), strict=False):
                return True
    return False
