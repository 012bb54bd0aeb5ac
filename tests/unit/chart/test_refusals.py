"""Values that can't be, and the words with which they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.errors import Invalid
from tests.unit.chart.chart import EVERYTHING, RANCHER, texts

SCHEMA = "values don't meet the specifications of the schema(s) in the following chart(s):\ncontinuous-delivery:\n- "
CHECK = "execution error at (continuous-delivery/templates/deployment.yaml:1:4): "

MONITOR = {"metrics": {"serviceMonitor": {"enabled": True, "tokenSecret": "metrics"}}}
TOKEN = (
    "metrics are read with a token; make one with `rancher-cd token create prometheus --role '*=read-only'` "
    "and name the Secret that holds it"
)

STORED: dict[str, dict[str, Any]] = {
    "database.secret": {"database": {"secret": "db"}},
    "persistence.existingClaim": {"persistence": {"existingClaim": "mine"}},
    "keySecret": {"keySecret": "mine"},
    "serverURL": {"serverURL": "https://cd.example.org"},
    "serverCASecret": {"serverCASecret": "mine"},
}
"""Values that have no sense where nothing is stored and no agent calls."""

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"engine": "other"}, SCHEMA + "at '/engine': value must be one of 'embedded', 'fleet'"),
    ({"apiService": {"port": 443}}, SCHEMA + "at '/apiService/port': minimum: got 443, want 1,024"),
    ({"rancher": {"ca": "x"}}, SCHEMA + "at '/rancher': additional properties 'ca' not allowed"),
    ({"replica": 1}, SCHEMA + "at '': additional properties 'replica' not allowed"),
    ({"replicas": "two"}, SCHEMA + "at '/replicas': got string, want null or integer"),
    ({"replicas": -1}, SCHEMA + "at '/replicas': minimum: got -1, want 0"),
    ({"image": {"pullPolicy": "Sometimes"}}, SCHEMA + "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"),
    ({"image": {"registry": "x"}}, SCHEMA + "at '/image': additional properties 'registry' not allowed"),
    ({"service": {"port": 99999}}, SCHEMA + "at '/service/port': maximum: got 99,999, want 65,535"),
    ({"service": {"type": "None"}}, SCHEMA + "at '/service/type': value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ({"ingress": {"enabled": "yes"}}, SCHEMA + "at '/ingress/enabled': got string, want boolean"),
    ({"settings": {"threads": 1}}, SCHEMA + "at '/settings/threads': minimum: got 1, want 2"),
    ({"settings": {"stateDir": "/"}}, SCHEMA + "at '/settings': additional properties 'stateDir' not allowed"),
    ({"settings": {"logLevel": "loud"}}, SCHEMA + "at '/settings/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
    ({"tolerations": {}}, SCHEMA + "at '/tolerations': got object, want array"),
    ({"nodeSelector": {"a": True}}, SCHEMA + "at '/nodeSelector/a': got boolean, want string"),
    ({"keySecret": "My Key"}, SCHEMA + "at '/keySecret': 'My Key' does not match pattern '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$'"),
    ({"global": {"imagePullSecrets": "a"}}, SCHEMA + "at '/global/imagePullSecrets': got string, want array"),
    (
        {"global": {"cattle": {"imagePullSecrets": [1]}}},
        SCHEMA + "at '/global/cattle/imagePullSecrets/0': got number, want string or object",
    ),
    ({"proxy": "proxy:3128"}, CHECK + 'proxy: "proxy:3128" is not a URL; write it as https://HOST:PORT'),
    ({"serverURL": "cd.example.org"}, CHECK + 'serverURL: "cd.example.org" is not a URL; write it as https://HOST:PORT'),
    (
        {"replicas": 3},
        CHECK + "replicas: 3 pods can't share a store on a volume; name the Secret of a PostgreSQL database in database.secret, or take 1",
    ),
    (
        {"ingress": {"enabled": True}},
        CHECK + "ingress.host: an Ingress needs the host name at which people and agents reach the service",
    ),
    ({"metrics": {"serviceMonitor": {"enabled": True}}}, CHECK + f"metrics.serviceMonitor.tokenSecret: {TOKEN}"),
    (
        {"rancher": RANCHER, "rbac": {"create": False}, "metrics": {"serviceMonitor": {"enabled": True}}},
        CHECK + "metrics.serviceMonitor.tokenSecret: metrics are read with an API key of Rancher whose user may get /metrics; "
        "name the Secret that holds it, or let the chart make an account with rbac.create",
    ),
    (
        {"apiService": {"enabled": True}, **MONITOR},
        CHECK + "metrics.serviceMonitor.enabled: Prometheus comes with a credential, which only rancher.enabled takes",
    ),
    (
        {"rancher": {"enabled": True}},
        CHECK + 'rancher.url: "" is not the URL of a Rancher server; write it as https://HOST',
    ),
    (
        {"rancher": {"enabled": True, "url": "http://rancher.example.org"}},
        CHECK + 'rancher.url: "http://rancher.example.org" is not the URL of a Rancher server; write it as https://HOST',
    ),
    ({"apiService": {"enabled": True, "port": 8080}}, CHECK + "apiService.port: 8080 is the port of plain HTTP; take another"),
    (
        {"apiService": {"enabled": True, "port": 8443}, "service": {"port": 8443}},
        CHECK + "apiService.port: 8443 is the port of plain HTTP; take another",
    ),
    *(
        (
            {"uiPlugin": {"enabled": True}, **values},
            CHECK + "uiPlugin.enabled: browsers reach the service through Kubernetes; open a door with apiService.enabled, "
            "or with rancher.enabled and rancher.serviceProxy",
        )
        for values in ({}, {"rancher": {**RANCHER, "serviceProxy": False}})
    ),
    ({"engine": "fleet"}, CHECK + "engine: fleet is for Rancher's users; open a door for them with rancher.enabled or apiService.enabled"),
    (
        {"backup": {"workspaces": ["team-a"]}},
        CHECK + "backup.workspaces: the engine embedded has its workspaces in its store and not in Kubernetes; "
        "back up the volume or the database",
    ),
    *(
        (
            {"engine": "fleet", "rancher": RANCHER, **values},
            CHECK
            + f"{where}: the engine fleet has no store and no agents, all is in Kubernetes; leave it out, or take the engine embedded",
        )
        for where, values in STORED.items()
    ),
]

MISSING = [
    (MONITOR, "metrics.serviceMonitor.enabled: this cluster has no ServiceMonitor (monitoring.coreos.com/v1); install monitoring first"),
    (
        {"backup": {"resourceSet": True}},
        "backup.resourceSet: this cluster has no ResourceSet (resources.cattle.io/v1); install rancher-backup first",
    ),
    (
        {"uiPlugin": {"enabled": True}, "rancher": RANCHER},
        "uiPlugin.enabled: this cluster has no UIPlugin (catalog.cattle.io/v1); it is for the cluster local of a Rancher server",
    ),
]


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_a_value_that_can_not_be_is_refused_with_its_place_and_what_it_may_be(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        texts(values)
    assert refused.value.message == said


@pytest.mark.parametrize(("values", "said"), MISSING, ids=[str(row[0]) for row in MISSING])
def test_what_the_cluster_has_no_kind_for_is_refused_and_not_left_out(values: dict[str, Any], said: str) -> None:
    assert texts(values, served=EVERYTHING)
    with pytest.raises(Invalid) as refused:
        texts(values, served=())
    assert refused.value.message == CHECK + said


def test_rancher_may_pass_more_of_its_own_values() -> None:
    cattle = {"clusterId": "local", "clusterName": "local", "url": "https://rancher.example.org", "windows": {"enabled": True}}
    assert texts({"global": {"cattle": cattle, "systemDefaultRegistry": ""}})


def test_a_kubernetes_that_can_not_tell_whose_a_credential_is_is_too_old_for_rancher_s_users() -> None:
    with pytest.raises(Invalid) as refused:
        texts({"rancher": RANCHER}, kubernetes="v1.27.9")
    assert refused.value.message == CHECK + "rancher.enabled: Kubernetes v1.27.9 can't tell whose a credential is; that needs 1.28"
    assert texts({"rancher": RANCHER}, kubernetes="v1.28.0-rke2r1") and texts(kubernetes="v1.25.0")
