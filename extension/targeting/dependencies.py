"""Whether the bundles another one waits for are where it wants them (`fleet-semantics.md` 4.1).

The question is asked per cluster, of the deployments that share it; the answer is what a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from extension.objects.base import Key
from extension.objects.kinds import BundleRef
from extension.objects.selectors import described, matches
from extension.objects.states import State

_NAME = "fleet.cattle.io/bundle-name"
_NAMESPACE = "fleet.cattle.io/bundle-namespace"


class Dependency(msgspec.Struct, frozen=True):
    """A bundle's deployment on the cluster: its state and its labels (the bundle's are enough)."""

    state: State
    labels: Mapping[str, str] = {}


def unmet(depends_on: Sequence[BundleRef], namespace: str, deployed: Mapping[Key, Dependency]) -> tuple[str, ...]:
    """A sentence for each dependency that does not hold yet, none when all do.

    `namespace` is that of the waiting bundle, where named ones are looked for; `deployed` are the other bundles on the
    same cluster. A reference with a name and a selector means bundles that are both. Raises Invalid for a broken selector.
    """
    return tuple(sentence for ref in depends_on for sentence in _sentences(ref, namespace, deployed))


def _sentences(ref: BundleRef, namespace: str, deployed: Mapping[Key, Dependency]) -> list[str]:
    found = {key: one for key, one in deployed.items() if _is_meant(ref, namespace, key, one)}
    accepted = ref.accepted_states or (State.Ready.name,)
    if not found:
        return [f"waiting for {_described(ref, namespace)}: not deployed to this cluster; accepted is {_either(accepted)}"]
    late = [(key, one) for key, one in sorted(found.items()) if one.state.name not in accepted]
    return [f"waiting for bundle {key.namespace}/{key.name}: it is {one.state.name}; accepted is {_either(accepted)}" for key, one in late]


def _is_meant(ref: BundleRef, namespace: str, key: Key, one: Dependency) -> bool:
    if ref.name and (key.name, key.namespace) != (ref.name, namespace):
        return False
    if ref.selector is None:
        return bool(ref.name)
    return matches(ref.selector, {**one.labels, _NAME: key.name, _NAMESPACE: key.namespace})


def _described(ref: BundleRef, namespace: str) -> str:
    named = f"bundle {namespace}/{ref.name}" if ref.name else "a bundle"
    return named if ref.selector is None else f"{named} with labels {described(ref.selector)}"


def _either(states: Sequence[str]) -> str:
    return " or ".join(states)
