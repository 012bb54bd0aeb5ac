"""Messages without what differs from cluster to cluster, so that a million of them are a few: their shapes. All pure.

A shape is for people and for counting, never for a program to take apart. It costs as much for a message of a megabyte as for
one of READ characters: nobody can read more of it either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2s

from extension.objects.gitops import BundleDeploymentStatus
from extension.objects.states import deployment_message, modified_text, non_ready_text

READ = 2000
"""So many characters of a message are looked at."""
LONGEST = 300
"""So many characters a shape has at most."""
OTHER = "other messages"
"""The shape of messages beyond those that are told apart."""

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_MASKED = re.compile(
    r"(?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d)(?: UTC)?)?)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?)"
    r"|(?P<uid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<login>(?<=://)[^\s/@<>]+(?=@))"
    r"|(?P<digest>\b(?:sha1|sha256|sha512|md5):[0-9a-fA-F]{7,})"
    r"|(?P<ip>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.])"
    r"|\[[0-9a-fA-F]{0,4}(?::[0-9a-fA-F.]{0,15}){2,8}\](?::\d+)?"
    r"|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::|[0-9a-fA-F]{1,4})(?::[0-9a-fA-F]{1,4})*(?![\w:]))"
    r"|(?P<hex>(?<![A-Za-z0-9])(?:0x)?(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{7,}(?![A-Za-z0-9]))"
    rf"|(?P<pod>(?<=[A-Za-z0-9>])-[{_SAFE}]{{6,10}}-[{_SAFE}]{{5}}(?![\w-])|(?<=[A-Za-z0-9>])-(?!https)[{_SAFE}]{{5}}(?![\w-]))"
    r"|(?P<version>(?<![A-Za-z0-9])v\d(?:(?:alpha|beta)\d)?(?![A-Za-z0-9.]))"
    r"|(?P<n>\d+(?:[.,:]\d+)*)"
)
"""What differs, by what stands for it; of two at one place the first. The version of an API (`apps/v1`) is kept. What stands for
something is never found again."""
_PASSES = 8
"""What is masked can uncover something: a text is gone through until nothing changes, and no text needs more."""
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def complaint(status: BundleDeploymentStatus) -> str:
    """What a deployment's report says is wrong, as lists and summaries show it: the message of the deployment, else its first object
    that is not ready, else the first that was modified. Empty when all is well, or when nothing is said."""
    message = deployment_message(status.conditions, applied_is_desired=True)
    if message or (status.ready and status.non_modified):
        return message
    if status.non_ready_status:
        return non_ready_text(status.non_ready_status[0])
    return modified_text(status.modified_status[0]) if status.modified_status else ""


def shape(message: str, names: Iterable[str] = ()) -> str:
    """The message without what is the cluster's or the moment's: `names` are what the cluster is called, masked where they are words.

    `shape(shape(m)) == shape(m)`; at most LONGEST characters; empty only for a message without anything to read.
    """
    text = message[:READ]
    for name in sorted({name for name in names if len(name) > 2}, key=len, reverse=True):
        if name in text:
            text = re.sub(rf"(?<![A-Za-z0-9_<]){re.escape(name)}(?![A-Za-z0-9_>])", "<cluster>", text)
    return _shaped(text)


@lru_cache(maxsize=4096)
def _shaped(text: str) -> str:
    for _ in range(_PASSES):
        before, text = text, _cut(_MASKED.sub(_mask, _SPACE.sub(" ", text).strip()))
        if text == before:
            break
    return text


def _mask(found: re.Match[str]) -> str:
    kind = found.lastgroup
    return found[0] if kind == "version" else f"-<{kind}>" if kind == "pod" else f"<{kind}>"


def _cut(text: str) -> str:
    """At most LONGEST characters, with an ellipsis where some are missing, and no half of a mask before it."""
    if len(text) <= LONGEST:
        return text
    kept = text[: LONGEST - 1].rstrip()
    return (kept[: kept.rindex("<")] if re.search(r"<[a-z]*$", kept) else kept).rstrip() + "…"


def digest(shaped: str) -> str:
    """The name of a shape, the same in every store: 16 hex digits."""
    return blake2s(shaped.encode(errors="surrogatepass"), digest_size=8).hexdigest()
