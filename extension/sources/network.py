"""What every fetch shares: the trusted certificates, the proxies, and the addresses that may be reached."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from extension.sources.proxy import Proxies
from extension.sources.reach import Reach
from extension.sources.trust import CAStore


class Network(msgspec.Struct, frozen=True):
    ca: CAStore
    proxies: Proxies = Proxies()
    reach: Reach = Reach()

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: Path, *, extra_ca: bytes = b"", reach: Reach = Reach()) -> Network:
        """From the environment's proxy variables and SSL_CERT_FILE. `extra_ca` (PEM) and PROXY_CA_BUNDLE (PEM) are trusted
        everywhere; files are written below `folder`. Raises Invalid for a proxy URL that is none."""
        extra = b"\n".join(pem for pem in (extra_ca.strip(), environ.get("PROXY_CA_BUNDLE", "").strip().encode()) if pem)
        return cls(CAStore(folder, extra=extra, environ=environ), Proxies.of(environ), reach)
