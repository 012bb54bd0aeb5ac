"""Writing to Kubernetes as the user, so that admission and audit see who it was (`rancher-integration.md` 3.5).

Whoever may impersonate can do what any user can, so this service never does it for those above all others: a user of the
system's own, or a member of `system:masters`.
"""

from __future__ import annotations

from urllib.parse import quote

from extension.objects.errors import Forbidden
from extension.rancher.identity import Identity

SYSTEM = "system:"
MASTERS = "system:masters"
IMPLIED = ("system:authenticated",)
"""Groups that the API server adds by itself."""


def headers(identity: Identity) -> list[tuple[str, str]]:
    """The headers of a request on a user's behalf; a group is a header of its own. Raises Forbidden for those above."""
    if identity.user.startswith(SYSTEM) or MASTERS in identity.groups:
        what = f"nothing is written on behalf of {identity.user}" + (f" of {MASTERS}" if MASTERS in identity.groups else "")
        raise Forbidden(what, hint="call as a user of Rancher, or write with kubectl")
    found = [("Impersonate-User", identity.user)]
    if identity.uid:
        found.append(("Impersonate-Uid", identity.uid))
    found += [("Impersonate-Group", group) for group in identity.groups if group not in IMPLIED]
    found += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, values in identity.extra for value in values]
    return [(name, value.encode().decode("latin-1")) for name, value in found]
