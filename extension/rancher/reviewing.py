"""What a user may do: Kubernetes decides, by SubjectAccessReviews (`rancher-integration.md` 3.5).

Answers are remembered for some seconds, so a list asks once and a right that was taken is gone soon. A service that can't ask
says so (Unavailable); it never takes silence for a yes or for a no.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from extension.objects.errors import Unavailable, UserError
from extension.rancher.identity import Identity
from extension.rancher.remembering import Remembered

PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SECONDS = 10.0
SHOWN_SECONDS = 30.0
SIZE = 200_000
THREADS = 16

Post = Callable[[str, dict[str, Any]], Mapping[str, Any]]
"""Posts a body to a path of the API server and gives its answer. Raises Unavailable, or a UserError of the server's words."""


class Attributes(msgspec.Struct, frozen=True):
    """What somebody would do: a verb on objects, or on a `path` that is no object. An empty namespace is all of them, or the
    cluster's own; an empty name any."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Reviews:
    """The reviews of one API server, from any thread."""

    def __init__(self, post: Post, clock: Callable[[], float] = time.monotonic) -> None:
        self._post = post
        self._known: Remembered[tuple[Identity, Attributes], bool] = Remembered(SIZE, clock)
        self._shown: Remembered[Hashable, bool] = Remembered(SIZE, clock)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="review")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def allowed(self, identity: Identity, what: Attributes) -> bool:
        known = self._known.get((identity, what))
        if known is not None:
            return known[0]
        allowed = self._ask(identity, what)
        self._known.put((identity, what), allowed, SECONDS)
        return allowed

    def allowed_each(self, identity: Identity, many: Sequence[Attributes]) -> list[bool]:
        """One answer for each, asked for at the same time."""
        if len(many) < 2:
            return [self.allowed(identity, what) for what in many]
        return list(self._threads.map(lambda what: self.allowed(identity, what), many))

    def shown(self, what: Hashable, ask: Callable[[], bool]) -> bool:
        """The answer to what many questions add up to, and is only shown."""
        known = self._shown.get(what)
        if known is not None:
            return known[0]
        found = ask()
        self._shown.put(what, found, SHOWN_SECONDS)
        return found

    def _ask(self, identity: Identity, what: Attributes) -> bool:
        try:
            answer = self._post(PATH, review(identity, what))
        except Unavailable:
            raise
        except UserError as error:
            hint = "the service's account needs to create subjectaccessreviews; see docs/rancher.md"
            raise Unavailable(f"the API server does not tell what a user may do: {error.message}", where=PATH, hint=hint) from None
        status = answer.get("status")
        if not isinstance(status, Mapping) or not isinstance(status.get("allowed"), bool):
            raise Unavailable("the API server does not tell what a user may do", where=PATH)
        return bool(status["allowed"]) and not status.get("denied")


def review(identity: Identity, what: Attributes) -> dict[str, Any]:
    """The SubjectAccessReview that asks for it."""
    spec: dict[str, Any] = {"user": identity.user, "groups": list(identity.groups)}
    if identity.uid:
        spec["uid"] = identity.uid
    if identity.extra:
        spec["extra"] = {key: list(values) for key, values in identity.extra}
    if what.path:
        spec["nonResourceAttributes"] = {"verb": what.verb, "path": what.path}
    else:
        parts = {"namespace": what.namespace, "verb": what.verb, "group": what.group, "resource": what.resource, "name": what.name}
        spec["resourceAttributes"] = {name: value for name, value in parts.items() if value}
    return {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": spec}
