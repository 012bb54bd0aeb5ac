"""Rancher and its Kubernetes as a test says they are: who is known, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.objects.errors import Unavailable
from extension.rancher.identity import Identity

TOKEN = "token-x:secret-canary"
WHO = Identity("u-abc", extra=(("requesttokenid", ("token-x",)),))
FLEET = "fleet.cattle.io"


class World:
    """What Kubernetes would allow, as (verb, group, resource, namespace, name) with `*` for any; and whom Rancher knows."""

    def __init__(self) -> None:
        self.rules: list[tuple[str, ...]] = []
        self.known: dict[str, Identity] = {TOKEN: WHO}
        self.asked: list[dict[str, str]] = []
        self.away = ""

    def review(self, _: str, body: dict[str, Any]) -> Mapping[str, Any]:
        if self.away == "kubernetes":
            raise Unavailable("the cluster can't be reached")
        spec = body["spec"]
        what = spec.get("resourceAttributes") or spec["nonResourceAttributes"]
        self.asked.append(what)
        parts = ("path",) if "path" in what else ("verb", "group", "resource", "namespace", "name")
        wanted = tuple(what.get(part, "") for part in parts)
        allowed = any(_covers(rule, wanted) for rule in self.rules)
        return {"status": {"allowed": allowed}}

    def resolve(self, credential: str) -> Identity | None:
        if self.away == "rancher":
            raise Unavailable("Rancher can't tell who is calling")
        return self.known.get(credential)

    def allow(self, *verbs: str, resource: str = "gitrepos", group: str = FLEET, namespace: str = "team-a", name: str = "*") -> None:
        self.rules += [(verb, group, resource, namespace, name) for verb in verbs]


def _covers(rule: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return len(rule) == len(wanted) and all(ruled in ("*", part) for ruled, part in zip(rule, wanted, strict=True))
