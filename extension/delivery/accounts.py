"""Whom a deployment acts as: its service account, which limits what it may do on the cluster (`fleet-semantics.md` 4.3)."""

from __future__ import annotations

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import AGENT
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions

DEFAULT_SERVICE_ACCOUNT = "fleet-default"
SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts", True)


def user_of(client: Client, options: BundleDeploymentOptions) -> str:
    """The user to act as: the service account of the options, else `fleet-default` where there is one, else the agent itself. Raises
    Invalid for one that does not exist."""
    name = options.service_account
    if not name:
        default = client.get(SERVICE_ACCOUNTS, AGENT, DEFAULT_SERVICE_ACCOUNT)
        return f"system:serviceaccount:{AGENT}:{DEFAULT_SERVICE_ACCOUNT}" if default else ""
    if client.get(SERVICE_ACCOUNTS, AGENT, name) is None:
        raise Invalid(f"service account {AGENT}/{name} does not exist", field="serviceAccount", hint="create it on the cluster")
    return f"system:serviceaccount:{AGENT}:{name}"
