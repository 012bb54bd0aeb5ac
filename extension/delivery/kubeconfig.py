"""A kubeconfig, read for what a service may use of it.

Plugins (`exec`, `auth-provider`) would run programs that whoever wrote the kubeconfig chose, with this service's rights, so
they are refused; files it names are refused too unless its own place on this machine was named by the administrator. A file
with a token stays a file: whoever made it makes it anew before the token ends, as Kubernetes does for its pods.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from extension.objects.errors import Invalid
from extension.objects.yaml import load


class Endpoint(msgspec.Struct, frozen=True):
    """Where an API server is and how to prove who asks. PEM texts; `ca` empty is the system's store; `token_file` is the path
    of a token that somebody keeps fresh."""

    server: str
    ca: str = ""
    insecure: bool = False
    token: str = ""
    token_file: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password: str = ""
    server_name: str = ""
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.server})"


def read(text: str, where: str = "kubeconfig", folder: Path | None = None) -> Endpoint:
    """The endpoint of the current context. `folder` is where files it names are looked up; None refuses them. Raises Invalid."""
    config = load(text, where)
    if not isinstance(config, dict):
        raise Invalid("this is no kubeconfig", where=where)
    context = _entry(config, "contexts", config.get("current-context") or "", "context", where)
    cluster = _entry(config, "clusters", context.get("cluster") or "", "cluster", where)
    user = _entry(config, "users", context.get("user") or "", "user", where) if context.get("user") else {}
    for plugin in ("exec", "auth-provider"):
        if plugin in user:
            raise Invalid(f"users of type {plugin} are refused: they run programs here", where=where, hint="use a token or a certificate")
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://")):
        raise Invalid("cluster.server must be an http(s) URL", where=where)

    def pem(holder: dict[str, Any], name: str) -> str:
        return _pem(holder, name, where, folder)

    token = str(user.get("token") or "")
    return Endpoint(
        server=server.rstrip("/"),
        ca=pem(cluster, "certificate-authority"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        token=token,
        token_file=str(_named(user["tokenFile"], where, folder)) if user.get("tokenFile") and not token else "",
        certificate=pem(user, "client-certificate"),
        key=pem(user, "client-key"),
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        server_name=str(cluster.get("tls-server-name") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
    )


def from_file(path: Path) -> str:
    """A kubeconfig file's text, inlined. Raises Invalid."""
    return inlined(read_file(path, str(path)), str(path), path.resolve().parent)


def inlined(text: str, where: str, folder: Path) -> str:
    """The kubeconfig with the certificates it names written into it, so that it can be handed to another process of this machine;
    a file with a token is named by its whole path. Raises Invalid."""
    endpoint = read(text, where, folder)
    cluster: dict[str, Any] = {"server": endpoint.server, "insecure-skip-tls-verify": endpoint.insecure}
    user: dict[str, Any] = {}
    for holder, name, value in (
        (cluster, "certificate-authority-data", endpoint.ca),
        (user, "client-certificate-data", endpoint.certificate),
        (user, "client-key-data", endpoint.key),
    ):
        if value:
            holder[name] = base64.b64encode(value.encode()).decode()
    plain = {"token": endpoint.token, "tokenFile": endpoint.token_file, "username": endpoint.username, "password": endpoint.password}
    user |= {name: value for name, value in plain.items() if value}
    cluster |= {name: v for name, v in (("tls-server-name", endpoint.server_name), ("proxy-url", endpoint.proxy)) if v}
    return _written(cluster, user)


def in_cluster(environ: Mapping[str, str], folder: Path) -> str:
    """The kubeconfig of the cluster that this pod runs in, as the service account whose token and `ca.crt` are in `folder`.

    Raises Invalid outside of a pod, and for files that can't be read.
    """
    host, port = (environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    if not host or not port:
        hint = "only pods have them; elsewhere name the cluster with --kubeconfig"
        raise Invalid("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", where=str(folder), hint=hint)
    ca = read_file(folder / "ca.crt", "--service-account-dir")
    read_file(folder / "token", "--service-account-dir")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca.encode()).decode()}
    return _written(cluster, {"tokenFile": str(folder.absolute() / "token")})


def _written(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }  # fmt: skip
    return msgspec.json.encode(config).decode()


def _entry(config: dict[str, Any], kind: str, name: str, field: str, where: str) -> dict[str, Any]:
    entries = config.get(kind)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(field), dict):
            found: dict[str, Any] = entry[field]
            return found
    hint = "set current-context to one of its contexts" if kind == "contexts" else f"the current context names this {field}"
    raise Invalid(f"{kind} has no {name!r}", where=where, hint=hint)


def _pem(holder: dict[str, Any], name: str, where: str, folder: Path | None) -> str:
    data = holder.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Invalid(f"{name}-data is not base64 of PEM text", where=where) from None
    return _file(holder.get(name), where, folder)


def _file(path: Any, where: str, folder: Path | None) -> str:
    return read_file(_named(path, where, folder), where) if path else ""


def _named(path: Any, where: str, folder: Path | None) -> Path:
    if folder is None:
        raise Invalid("files of this machine may not be named here", where=where, hint="put the data itself into the kubeconfig")
    return folder.absolute() / str(path)


def read_file(path: Path, where: str) -> str:
    """A file's text. Raises Invalid naming it."""
    try:
        return path.read_text()
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}", where=where) from None
    except UnicodeDecodeError:
        raise Invalid(f"{path} is no text", where=where, hint="certificates and keys are PEM") from None
