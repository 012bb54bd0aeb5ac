"""Which certificates are trusted: the system's, the operator's, and those of one GitRepo or secret.

Requests and git both want a file, so the union is written once by its hash and handed to both. Invariant: a caBundle
adds to the system's certificates and never replaces them, as in Fleet, so a proxy's CA stays trusted.
"""

from __future__ import annotations

import functools
import hashlib
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

import certifi
import msgspec
from cryptography import x509

from extension.objects.errors import Invalid, Unavailable


class TLS(msgspec.Struct, frozen=True):
    """How one origin's certificate is checked: with these CAs (PEM) besides the system's, or not at all."""

    ca_bundle: bytes = b""
    insecure: bool = False


class CAStore:
    """Files of certificates below `folder`. `extra` (PEM) is trusted everywhere: Rancher's CA, the proxy's CA."""

    def __init__(self, folder: Path, *, extra: bytes = b"", environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._extra = extra
        self._system = system_bundle(os.environ if environ is None else environ)
        self._file = functools.lru_cache(maxsize=1024)(self._write)

    def file(self, ca_bundle: bytes = b"", field: str = "caBundle") -> str:
        """The path of a PEM file with all that is trusted. Raises Invalid when `ca_bundle` holds no certificate."""
        if ca_bundle:
            check_pem(ca_bundle, field)
        if not ca_bundle and not self._extra:
            return self._system
        return self._file(ca_bundle)

    def _write(self, ca_bundle: bytes) -> str:
        pem = b"\n".join((Path(self._system).read_bytes(), self._extra, ca_bundle))
        path = self._folder / f"{hashlib.sha256(pem).hexdigest()}.pem"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                handle, scratch = tempfile.mkstemp(dir=self._folder)
                with os.fdopen(handle, "wb") as file:
                    file.write(pem)
                Path(scratch).replace(path)
        except OSError as error:
            raise Unavailable(f"can't be written: {error.strerror}", where=str(path), hint="check the disk of the service") from None
        return str(path)


def check_pem(pem: bytes, field: str) -> None:
    """Raises Invalid naming `field` unless `pem` holds at least one certificate and no broken one."""
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise Invalid(
            "holds no PEM certificate", field=field, hint="paste the CA certificates, each from BEGIN to END CERTIFICATE"
        ) from None


def system_bundle(environ: Mapping[str, str]) -> str:
    """The file of CAs the system trusts: SSL_CERT_FILE, else OpenSSL's default where it exists, else certifi's."""
    named = environ.get("SSL_CERT_FILE", "")
    usual = ssl.get_default_verify_paths().openssl_cafile
    places = (named, usual, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    return next((place for place in places if place and Path(place).is_file()), certifi.where())
