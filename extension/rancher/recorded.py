"""Operations remembered as ConfigMaps beside the service, so that all its replicas know them, and the next one does.

They are the service's own: written and read with its own account, in its own namespace. What a caller may see of them is decided
by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec
import orjson

from extension.objects.base import ObjectMeta
from extension.objects.errors import NotFound
from extension.objects.operation import KEPT, Operation, OperationSpec
from extension.rancher.management import found
from extension.store.kubernetes.api import Api
from extension.store.operations import HowFar

LABEL = "continuous-delivery.cattle.io/operation"
_DATA = "operation.json"
_MOST = 10 * KEPT


class RecordedOperations:
    """See `api.services.Operations`. `moved` tells how far a move is. All may raise Unavailable, and Forbidden where the service's account
    has no right to its own ConfigMaps."""

    def __init__(self, api: Api, namespace: str, moved: HowFar) -> None:
        self._api = api
        self._place = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
        self.moved = moved

    def add(self, operation: Operation) -> Operation:
        meta = {"generateName": operation.metadata.generate_name, "labels": {LABEL: "true"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {_DATA: msgspec.json.encode(operation.spec).decode()}}
        made = _operation(orjson.loads(self._api.send("POST", self._place, body)))
        for old in self.list()[KEPT:]:
            with suppress(NotFound):  # another replica has room to make as well
                self._api.send("DELETE", f"{self._place}/{old.metadata.name}")
        return made

    def find(self, name: str) -> Operation | None:
        there = found(self._api, f"{self._place}/{quote(name, safe='')}")
        return _operation(there) if there and LABEL in (there["metadata"].get("labels") or {}) else None

    def list(self) -> list[Operation]:
        """The newest first; of those of one second, in any order."""
        page = orjson.loads(self._api.read(self._place, {"labelSelector": f"{LABEL}=true", "limit": str(_MOST)}))
        kept = [_operation(one) for one in page.get("items") or ()]
        return sorted(kept, key=lambda one: one.metadata.creation_timestamp or "", reverse=True)


def _operation(stored: Mapping[str, Any]) -> Operation:
    meta = stored["metadata"]
    spec = msgspec.json.decode((stored.get("data") or {}).get(_DATA) or "{}", type=OperationSpec)
    return Operation(metadata=ObjectMeta(name=meta["name"], creation_timestamp=meta.get("creationTimestamp")), spec=spec)
