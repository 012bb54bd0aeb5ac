"""When two URLs name one repository (`fleet-semantics.md` 5.1).

The scheme, the user, the port, `.git` at the end and the case of letters make no difference: a server tells of a push by its web
address, while the GitRepo may clone by ssh. Azure DevOps has three hosts for one repository, and some servers one for ssh.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from extension.objects.errors import UserError
from extension.sources.remote import parse

LONGEST = 2000
AZURE = "dev.azure.com"

_SSH_HOSTS = ("ssh.", "altssh.")
_OLD_AZURE = ".visualstudio.com"
_OLD_AZURE_SSH = "vs-ssh.visualstudio.com"
_API_VERSION = re.compile(r"v\d/")
"""Azure's ssh paths start with it."""


def identity(url: str, *, allow_file: bool = False) -> str:
    """What all URLs of one repository have in common, such as `github.com/rancher/fleet`; empty for what is no repository's URL."""
    try:
        remote = parse(url, allow_file=allow_file) if len(url) <= LONGEST else None
    except UserError:
        remote = None
    if remote is None:
        return ""
    if remote.scheme == "file":
        return f"file:{remote.path.rstrip('/').removesuffix('.git')}"
    host, path = remote.host, unquote(remote.path).removeprefix("/~/").strip("/").lower()
    if remote.scheme == "ssh":
        path = _API_VERSION.sub("", path, count=1) if _API_VERSION.match(path) else path
    host, path = _azure(host, path.removesuffix(".git").rstrip("/"))
    for prefix in _SSH_HOSTS:
        host = host.removeprefix(prefix)
    return f"{host}/{path}" if path else ""


def _azure(host: str, path: str) -> tuple[str, str]:
    """A repository of Azure DevOps under its newest host; `/_git/` stands in web addresses only."""
    if host == _OLD_AZURE_SSH:
        host = AZURE
    elif host.endswith(_OLD_AZURE):
        path = f"{host.removesuffix(_OLD_AZURE)}/{path.removeprefix('defaultcollection/')}"
        host = AZURE
    return host, path.replace("/_git/", "/", 1)
