"""Whether a write was meant by the person whose browser sent it (`rancher-integration.md` 2.9).

Rancher looks at CSRF tokens on its own API only and not on what it passes on, and it lets a request without the cookie
pass. Here, whoever comes with a session cookie has to show that they can read Rancher's other cookie, by whatever door they
come: behind the aggregated door a browser's request carries its session too.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from extension.objects.errors import UserError

SESSION = "R_SESS"
COOKIE = "CSRF"
HEADER = "X-API-CSRF"
SAFE = ("GET", "HEAD", "OPTIONS")


class InvalidCSRFToken(UserError):
    code = "InvalidCSRFToken"


def check(method: str, cookies: Mapping[str, str], header: str) -> None:
    """Raises InvalidCSRFToken. `method` is that of the request itself, whatever a parameter may say."""
    if method in SAFE or SESSION not in cookies:
        return
    shown = cookies.get(COOKIE, "")
    if not shown or not hmac.compare_digest(shown.encode(), header.encode()):
        hint = f"send the value of the cookie {COOKIE} as the header {HEADER}"
        raise InvalidCSRFToken("the CSRF token is missing or not that of the session", hint=hint)
