"""Fleet's names, which must be Fleet's to the letter so that a cluster can change engines (`fleet-semantics.md` 2.4)."""

from __future__ import annotations

import hashlib
import posixpath
import re

LOCAL_WORKSPACE, LOCAL_CLUSTER = "fleet-local", "local"
AGENT_BUNDLE = "continuous-delivery-agent"
"""The bundle of the agent's own release, which no order is about."""
MANAGEMENT_NAME = "management.cattle.io/cluster-name"
"""Label of a Cluster of Rancher's: the management cluster that it is made from."""
RELEASE_NAME_LIMIT = 53

_NOT_NAME = re.compile(r"[^a-zA-Z0-9]+")
_ODD = re.compile(r"[^a-z0-9-]")
_DASHES = re.compile(r"-+")
_NOT_UTF_8 = re.compile("[\ud800-\udfff]")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
RELEASE_NAME = DNS_SUBDOMAIN


def bundle_name(gitrepo: str, base: str, options: str = "") -> str:
    """The name of the Bundle made from folder `base` of a GitRepo, with an options file if one is named."""
    parts = [gitrepo, base]
    if options:
        parts.append(re.sub(r"\.[^./]*$", "", options))
    return helm_release_name(posixpath.normpath("/".join(p for p in parts if p)))


def helm_release_name(text: str) -> str:
    """`text` as a Helm release name: at most 53 characters, a hash where letters were lost."""
    dashed = text.replace("/", "-")
    name = dashed
    if _ODD.search(dashed):
        name = f"{dashed}-{_md5(dashed)[:8]}"
    name = _DASHES.sub("-", _NOT_NAME.sub("-", _lower(name))).strip("-")
    if _DNS_LABEL.fullmatch(name):
        return limit(name, RELEASE_NAME_LIMIT)
    return _md5(text)[:24]


def _lower(text: str) -> str:
    """As Go does it, letter by letter: one never becomes two."""
    return "".join(letter.lower()[0] for letter in text)


def _bytes(text: str) -> bytes:
    """The bytes of a text; names from a Git tree need not be UTF-8."""
    return text.encode(errors="surrogateescape")


def _md5(text: str) -> str:
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def readable(name: str) -> str:
    """A name from a Git tree as JSON can hold it: bytes that are no UTF-8 become U+FFFD, as Go's JSON makes them."""
    return _NOT_UTF_8.sub("\ufffd", name)


def limit(text: str, count: int) -> str:
    """`text` cut to `count` characters, the last five of them a hash of the whole when it was longer."""
    if len(text) <= count:
        return text
    if count <= 6:
        return text[:count]
    head = text[: count - 6]
    return f"{head}{'' if head.endswith('-') else '-'}{_md5(text)[:5]}"


def safe_concat_name(*parts: str) -> str:
    """The parts joined by dashes, shortened to 63 characters with a SHA-256 suffix where needed."""
    full = "-".join(parts)
    if len(full) < 64:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()
    if full[56].isascii() and full[56].isalnum() and full[56] == full[56].lower():
        return f"{full[:57]}-{digest[:5]}"
    return f"{full[:56]}-{digest[:6]}"


def key_hash(text: str) -> str:
    return hashlib.sha256(_bytes(text)[:100]).hexdigest()[:12]


def cluster_namespace(workspace: str, cluster: str) -> str:
    """The namespace that holds a cluster's BundleDeployments."""
    return safe_concat_name("cluster", workspace, cluster, key_hash(f"{workspace}::{cluster}"))


def registered_cluster_name(client_id: str) -> str:
    return f"cluster-{key_hash(client_id)}"
