"""The errors people see: what is wrong, where, why, and the next step.

An error is a value that every edge (API, CLI, a status condition) prints the same way, so nobody
has to guess the place from a stack trace. `code` is the Steve code (`rancher-integration.md` 2.6).
No message may hold the content of a secret.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Hop = Literal["", "address", "proxy", "connection", "identity", "credentials", "repository", "revision", "files"]
"""A step on the way to a repository: its name is found, the proxy lets through, it answers, it is who it should be (a certificate, a host
key), it lets in, it has the repository, that has the revision, and its files can be read."""


class UserError(Exception):
    """Something a person can mend. `field` is the place in the object, `where` the file or cluster."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "InvalidFormat"

    def __init__(self, message: str, *, where: str = "", field: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = _writable(message)
        self.where = _writable(where)
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


def _writable(text: str) -> str:
    """Text that every edge can write: a file's name need not be UTF-8."""
    return text.encode(errors="replace").decode()


class Invalid(UserError):
    """The object or file does not follow its schema or a rule."""


class MissingRequired(UserError):
    code = "MissingRequired"


class NotFound(UserError):
    status = 404
    code = "NotFound"


class AlreadyExists(UserError):
    status = 409
    code = "AlreadyExists"


class Conflict(UserError):
    """The object changed since it was read: read it again and repeat the change."""

    status = 409
    code = "Conflict"


class Gone(UserError):
    """A watch or a continue token is older than what the store still remembers: list again."""

    status = 410
    code = "Expired"


class Unauthorized(UserError):
    status = 401
    code = "Unauthorized"


class Forbidden(UserError):
    status = 403
    code = "PermissionDenied"


class Busy(UserError):
    """Too many ask at once: this one is to come back after `retry_after` seconds."""

    status = 429
    code = "TooManyRequests"

    def __init__(self, message: str, retry_after: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or f"try again in {retry_after} seconds")
        self.retry_after = retry_after


class Unavailable(UserError):
    """A repository, cluster or disk can't be used now; the same call may succeed later. `hop` is the step that failed on the way to a
    repository, empty where there is none."""

    status = 503
    code = "ClusterUnavailable"

    def __init__(self, message: str, *, where: str = "", field: str = "", hint: str = "", hop: Hop = "") -> None:
        super().__init__(message, where=where, field=field, hint=hint)
        self.hop: Hop = hop
