"""What a request's environment tells beside what was sent: keys that no header can have. Imported by the watching parent too."""

from __future__ import annotations

HEADERS = "continuous_delivery.headers"
"""Name and value of each header, as it came."""
PROVED = "continuous_delivery.proved"
"""The common name of the client certificate, of which the connection proved the key; not there when there was none."""
CONFIG = "continuous_delivery.config"
"""The request-header configuration by which that certificate was verified."""
MOUNTED = "continuous_delivery.mounted"
"""There when the request came by the path of the API group."""
