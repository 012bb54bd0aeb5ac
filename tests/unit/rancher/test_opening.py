"""Which doors there are, by the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extension.objects.errors import Invalid
from extension.rancher.opening import Inside, opened
from extension.settings import Settings

KUBECONFIG = """
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: c, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: c}}]
current-context: c
"""
URL = "https://rancher.example.org"
SERVICE = "cattle/cd"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return str(path)


def test_without_rancher_there_is_none(kubeconfig: str) -> None:
    for settings in (Settings(), Settings(kubeconfig=kubeconfig)):
        assert opened(settings) == Inside()
        assert not settings.inside_rancher and settings.addresses == [settings.address]
        assert (opened(settings).door, opened(settings).problems()) == (None, {})


@pytest.mark.parametrize(
    ("flags", "takes_credentials", "is_aggregated"),
    [
        pytest.param({"rancher_url": URL}, True, False, id="credentials of Rancher"),
        pytest.param({"api_service": SERVICE}, False, True, id="the aggregation layer"),
        pytest.param({"rancher_url": URL, "api_service": SERVICE}, True, True, id="both"),
    ],
)
def test_each_flag_opens_its_doors(kubeconfig: str, flags: dict[str, Any], takes_credentials: bool, is_aggregated: bool) -> None:
    settings = Settings(kubeconfig=kubeconfig, tls_port=9443, **flags)
    inside = opened(settings)
    assert inside.doors is not None and (inside.doors._resolve is not None) == takes_credentials
    assert (inside.aggregation is not None) == is_aggregated
    assert settings.addresses == [settings.address, *(["127.0.0.1:9443"] if is_aggregated else [])]
    assert inside.problems() == (
        {"aggregation": "the request-header CA: not read yet; the serving certificate: not made yet"} if is_aggregated else {}
    )
    inside.stop()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        pytest.param({"rancher_url": URL, "kubeconfig": ""}, "name the API server of Rancher's own cluster", id="no judge"),
        pytest.param({"api_service": SERVICE, "kubeconfig": ""}, "name the API server of Rancher's own cluster", id="no judge either"),
        pytest.param({"rancher_url": "http://rancher.example.org"}, "no https:// URL", id="no TLS"),
        pytest.param({"rancher_url": URL, "rancher_ca": "/nowhere"}, "/nowhere can't be read", id="no CA"),
        pytest.param({"api_service": "cd"}, "'cd' is not NAMESPACE/NAME", id="no namespace"),
        pytest.param({"api_service": "a/b/c"}, "is not NAMESPACE/NAME", id="too many"),
        pytest.param({"api_service": "/cd"}, "is not NAMESPACE/NAME", id="an empty one"),
    ],
)
def test_what_can_not_be_is_refused_with_its_flag(kubeconfig: str, flags: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        opened(Settings(**{"kubeconfig": kubeconfig, **flags}))
    assert said in str(caught.value) and "--" in str(caught.value)
