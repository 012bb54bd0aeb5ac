"""How the API server shows itself to the services behind its aggregation layer: a CA, and a certificate of it."""

from __future__ import annotations

from pathlib import Path

import trustme

NAME = "front-proxy-client"


def flags(folder: Path) -> list[str]:
    """The API server's flags, with a new CA."""
    ca = trustme.CA()
    _put(folder / "front-proxy-ca.key", ca.private_key_pem.bytes())
    trust(folder, ca)
    show(folder, ca)
    return [
        f"--requestheader-client-ca-file={folder / 'front-proxy-ca.crt'}",
        f"--requestheader-allowed-names={NAME}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-uid-headers=X-Remote-Uid",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={folder / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={folder / 'front-proxy-client.key'}",
    ]


def authority(folder: Path) -> trustme.CA:
    """The CA that the API server was started with, as long as no other was trusted."""
    return trustme.CA.from_pem((folder / "front-proxy-ca.crt").read_bytes(), (folder / "front-proxy-ca.key").read_bytes())


def trust(folder: Path, *authorities: trustme.CA) -> None:
    """Has the API server, and by its word all behind it, trust these; it looks at the file now and then."""
    _put(folder / "front-proxy-ca.crt", b"".join(ca.cert_pem.bytes() for ca in authorities))


def show(folder: Path, ca: trustme.CA, name: str = NAME) -> trustme.LeafCert:
    """Has the API server show a certificate of this CA."""
    leaf = ca.issue_cert(common_name=name)
    _put(folder / "front-proxy-client.key", leaf.private_key_pem.bytes())
    _put(folder / "front-proxy-client.crt", b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    return leaf


def _put(path: Path, data: bytes) -> None:
    """Replaces a file at once, so that nobody reads half of it."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)
