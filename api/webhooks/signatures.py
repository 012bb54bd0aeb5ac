"""How each provider proves that a delivery is its own (`fleet-semantics.md` 5.1). Pure; every comparison takes constant time.

A check gets the Secret's values of the provider's keys, none of them empty, and tells in words what is wrong, or nothing.
No word of it depends on a secret's value. SHA-1 signatures are refused: all of these providers send SHA-256 beside them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping

Headers = Mapping[str, str]
"""By name in lower case."""
Check = Callable[[Mapping[str, bytes], Headers, bytes], str]

PREFIX = "sha256="


def github(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    given = headers.get("x-hub-signature-256", "")
    if not given and "x-hub-signature" in headers:
        return "it is signed with SHA-1 only, which is not taken: let the sender sign with SHA-256 (X-Hub-Signature-256)"
    return _signed(values["github"], body, given, "X-Hub-Signature-256", PREFIX)


def gogs(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    """Gogs, Gitea and Forgejo: the digest without a prefix."""
    given = headers.get("x-gogs-signature") or headers.get("x-gitea-signature") or headers.get("x-forgejo-signature", "")
    return _signed(values["gogs"], body, given, "X-Gogs-Signature")


def gitlab(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    """The secret itself is the token."""
    given = headers.get("x-gitlab-token", "")
    if not given:
        return "it has no X-Gitlab-Token: set a secret token in the webhook"
    return "" if hmac.compare_digest(_bytes(given), values["gitlab"]) else "X-Gitlab-Token is not the value of the key gitlab"


def bitbucket(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    """The webhook's UUID, or a signature where the webhook has a secret: whichever the Secret holds."""
    wanted = values["bitbucket"]
    same = hmac.compare_digest(_bytes(headers.get("x-hook-uuid", "")).strip(b"{}"), wanted.strip(b"{}"))
    wrong = _signed(wanted, body, headers.get("x-hub-signature", ""), "X-Hub-Signature", PREFIX)
    return "" if same or not wrong else "neither X-Hook-UUID nor the signature fits the value of the key bitbucket"


def bitbucket_server(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    return _signed(values["bitbucket-server"], body, headers.get("x-hub-signature", ""), "X-Hub-Signature", PREFIX)


def azure(values: Mapping[str, bytes], headers: Headers, body: bytes) -> str:
    """Basic authentication; both parts are compared whichever is wrong."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not given:
        return "it has no basic authentication: set user name and password in the service hook"
    try:
        user, _, password = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return "its basic authentication can't be read"
    right = hmac.compare_digest(user, values["azure-username"]) & hmac.compare_digest(password, values["azure-password"])
    return "" if right else "user name and password are not the values of the keys azure-username and azure-password"


def _signed(secret: bytes, body: bytes, given: str, header: str, prefix: str = "") -> str:
    if not given:
        return f"it has no signature ({header}): set a secret in the webhook"
    wanted = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if hmac.compare_digest(_bytes(given.strip().lower()), wanted.encode()):
        return ""
    return f"the signature in {header} does not fit: the webhook's secret is not the value of its key"


def _bytes(header: str) -> bytes:
    """The bytes that were sent: WSGI hands them over as Latin-1."""
    return header.encode("latin-1", errors="replace")
