"""The identity that Kubernetes' aggregation layer sends with a request (`rancher-integration.md` 3.4a).

It is good only when the connection showed a client certificate of the request-header CA: anybody else can write the same
headers. The headers are read one by one, as they came: WSGI joins repeated ones by commas, and the name of an LDAP group is
full of commas. What counts as which header is Kubernetes' to say, in a ConfigMap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from extension.objects.errors import Invalid
from extension.rancher.identity import Identity, extra_of

NAMESPACE = "kube-system"
CONFIGMAP = "extension-apiserver-authentication"

Headers = Iterable[tuple[str, str]]
"""Name and value of every header of a request, in the order in which they came; names in any case."""


class Config(msgspec.Struct, frozen=True):
    """Who may speak for users, and how. `ca` are certificates in PEM; no allowed name means any name that the CA signed.
    Header names and prefixes are in lower case."""

    ca: str
    allowed_names: tuple[str, ...]
    users: tuple[str, ...]
    uids: tuple[str, ...]
    groups: tuple[str, ...]
    extra_prefixes: tuple[str, ...]


def configured(data: Mapping[str, str]) -> Config:
    """The configuration in the ConfigMap. Raises Invalid when there is no aggregation layer, or for what can't be read."""
    ca, users = data.get("requestheader-client-ca-file", ""), _names(data, "requestheader-username-headers")
    if not ca.strip() or not users:
        raise Invalid(
            "the API server has no request-header CA",
            where=f"ConfigMap {NAMESPACE}/{CONFIGMAP}",
            hint="start it with --requestheader-client-ca-file and --requestheader-username-headers",
        )
    return Config(
        ca=ca,
        allowed_names=_list(data, "requestheader-allowed-names"),
        users=users,
        uids=_names(data, "requestheader-uid-headers"),
        groups=_names(data, "requestheader-group-headers"),
        extra_prefixes=_names(data, "requestheader-extra-headers-prefix"),
    )


def identity(headers: Headers, common_name: str | None, config: Config) -> Identity | None:
    """Who a request is from. `common_name` is that of the verified client certificate, None without one. None when the
    certificate is nobody's who may say so, or when it names no user."""
    if common_name is None or not is_allowed(common_name, config):
        return None
    sent = [(name.lower(), _text(value)) for name, value in headers]
    user = _first(sent, config.users)
    if not user:
        return None
    return Identity(user, _first(sent, config.uids), _all(sent, config.groups), extra_of(_extra(sent, config.extra_prefixes)))


def is_allowed(common_name: str, config: Config) -> bool:
    """Whether the owner of a certificate of that name may speak for users."""
    return not config.allowed_names or common_name in config.allowed_names


def _first(sent: list[tuple[str, str]], names: tuple[str, ...]) -> str:
    return next((value.strip() for wanted in names for name, value in sent if name == wanted and value.strip()), "")


def _all(sent: list[tuple[str, str]], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for wanted in names for name, value in sent if name == wanted and value)


def _extra(sent: list[tuple[str, str]], prefixes: tuple[str, ...]) -> dict[str, list[str]]:
    """Values by key; a key is percent-encoded, for it may hold what a header's name can't."""
    found: dict[str, list[str]] = {}
    for name, value in sent:
        for prefix in prefixes:
            if name.startswith(prefix):
                found.setdefault(unquote(name.removeprefix(prefix)), []).append(value)
    return found


def _text(value: str) -> str:
    """HTTP's bytes as text: WSGI reads them as Latin-1, but a name of a user or group is UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _names(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _list(data, key) if name)


def _list(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(data.get(key) or "[]", type=tuple[str, ...])
    except msgspec.MsgspecError:
        raise Invalid(f"{key} is no list of names", where=f"ConfigMap {NAMESPACE}/{CONFIGMAP}") from None
