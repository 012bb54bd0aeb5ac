"""Helm releases through the SDK: what `helm install`, `upgrade`, `rollback` and `uninstall` do (`fleet-semantics.md` 4.3).

The chart is the rendered bundle: its templates are the finished manifests, with template braces written out, so Helm
applies, hooks, waits, records and rolls back what Fleet would, and `helm ls` shows it. Objects are applied server-side,
where the API server checks every field; Helm's own check against the whole OpenAPI document is off, since it costs
five times what everything else does (37 releases a second without it, 7 with; `docs/performance.md`). A connection to a cluster is kept
between releases with what was discovered there.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from extension.objects.base import prepare
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.rendering.archives import archive
from extension.rendering.helm import native, sdk

MAX_CONNECTIONS = 32
_QUERIES_A_SECOND = 1000.0

_TOO_LARGE = ("Too long: may not be more than 1048576 bytes", "Request entity too large", "etcdserver: request is too large")
_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|connect: |EOF|TLS handshake|server is currently unable"
    r'|\b(?:Get|Put|Post|Patch|Delete|Head) "https?://[^"]*": '  # a request of Go's that got no answer
)
_WEBHOOK = "webhook"
"""The API server answers, and says that somebody it asks does not."""


class Access(msgspec.Struct, frozen=True):
    """How a cluster is spoken to: a kubeconfig, and the user to act as (a service account), if another."""

    kubeconfig: str
    namespace: str
    as_user: str = ""

    def __repr__(self) -> str:
        return f"Access({self.namespace}, as {self.as_user or 'itself'})"


class Change(msgspec.Struct, frozen=True):
    """An install or upgrade. `files` are those of the finished chart; `timeout` is in seconds, 0 waits for hooks only."""

    access: Access
    name: str
    files: dict[str, bytes]
    values: dict[str, Any] = {}
    is_upgrade: bool = False
    create_namespace: bool = True
    timeout: int = 0
    wait_for_jobs: bool = False
    take_ownership: bool = False
    force_replace: bool = False
    atomic: bool = False
    max_history: int = 2

    @property
    def waits(self) -> int:
        """The seconds it may wait for objects: again as long where it is rolled back."""
        return self.timeout * 2 if self.atomic else self.timeout


class Named(msgspec.Struct, frozen=True):
    """A release to uninstall, or to roll back to `revision`."""

    access: Access
    name: str
    revision: int = 0
    force_replace: bool = False
    timeout: int = 300


class Applied(msgspec.Struct, frozen=True):
    """The revision that is deployed now."""

    revision: int


@lru_cache(maxsize=MAX_CONNECTIONS)
def _connection(access: Access, _thread: int) -> Any:
    """A connection of this thread: Helm's are not made for several at a time."""
    return sdk().Config(
        kubeconfig_content=access.kubeconfig,
        namespace=access.namespace,
        kube_as_user=access.as_user or None,
        qps=_QUERIES_A_SECOND,
        burst_limit=int(2 * _QUERIES_A_SECOND),
    )


def _connected(access: Access) -> Any:
    return _connection(access, threading.get_ident())


def _apply(args: bytes) -> bytes:
    change = msgspec.msgpack.decode(args, type=Change)
    connection = _connected(change.access)
    server_side = not (change.take_ownership or change.force_replace)
    options: dict[str, Any] = {
        "namespace": change.access.namespace,
        "disable_openapi_validation": True,
        "take_ownership": change.is_upgrade or change.take_ownership,
        "force_replace": change.force_replace,
        "rollback_on_failure": change.atomic,
        "wait_for_jobs": change.wait_for_jobs,
        "skip_schema_validation": True,
        "wait": "watcher" if change.timeout > 0 else "hookOnly",
        **({"timeout_seconds": change.timeout} if change.timeout > 0 else {}),
    }
    if change.is_upgrade:
        options |= {"max_history": change.max_history, "server_side_apply": "false" if change.force_replace else "auto"}
    else:
        options |= {"create_namespace": change.create_namespace, "replace": True, "server_side_apply": server_side}
    operation = "helm_upgrade" if change.is_upgrade else "helm_install"
    with sdk().Chart.load_archive(archive(change.files)) as chart:
        summary = json.loads(_called(change.name, operation, connection, chart, change.values, options))
    return msgspec.msgpack.encode(Applied(int(summary.get("version") or summary.get("revision") or 1)))


def _called(name: str, operation: str, connection: Any, chart: Any, values: dict[str, Any], options: dict[str, Any]) -> str:  # noqa: PLR0917
    handle, reference = connection._chart_args(chart)
    try:
        text: str = native().call_string(
            operation, connection._raw(), connection._context_arg(None), handle, reference, name, json.dumps(values), json.dumps(options)
        )
    except sdk().HelmError as error:
        raise _said(name, error) from None
    return text


def _rollback(args: bytes) -> bytes:
    named = msgspec.msgpack.decode(args, type=Named)
    connection = _connected(named.access)
    options = {
        "version": named.revision,
        "timeout_seconds": named.timeout,
        "server_side_apply": "false",
        "force_replace": named.force_replace,
    }
    try:
        native().call_status("helm_rollback", connection._raw(), named.name, json.dumps(options))
    except sdk().HelmError as error:
        raise _said(named.name, error) from None
    return b""


def _uninstall(args: bytes) -> bytes:
    named = msgspec.msgpack.decode(args, type=Named)
    try:
        _connected(named.access).uninstall(named.name, ignore_not_found=True, timeout=named.timeout)
    except sdk().HelmError as error:
        raise _said(named.name, error) from None
    return b""


def _said(name: str, error: Exception) -> UserError:
    """Helm's error in our terms: Unavailable when the cluster did not answer."""
    text = " ".join(str(error).split())
    if any(word in text for word in _TOO_LARGE):
        hint = "Helm keeps all manifests of a release in one Secret of 1 MiB at most, compressed: split the bundle"
        return Invalid(f"it is too large to be recorded: {text}", where=f"release {name}", hint=hint)
    kind = Unavailable if _UNREACHABLE.search(text) and _WEBHOOK not in text else Invalid
    return kind(text, where=f"release {name}")


OPERATIONS: dict[str, Callable[[bytes], bytes]] = {"apply": _apply, "rollback": _rollback, "uninstall": _uninstall}


prepare(Change, Named, Applied)
