"""What failed is tried again where it failed, and nowhere else."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.test_ignoring import why
from tests.browser.world import HERE, World


def test_what_failed_is_tried_again_on_the_clusters_that_say_so(standalone: World, chromium: Browser) -> None:
    good, bad, name = standalone.new("good"), standalone.new("bad"), standalone.new("failing")
    for cluster in (good, bad):
        standalone.cluster(cluster, HERE, failing=name)
    wrong = [{"name": "a.yaml", "content": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Values.name }}'}\n"}]
    chart = [{"name": "Chart.yaml", "content": "apiVersion: v2\nname: c\nversion: 0.1.0\n"}, {**wrong[0], "name": "templates/a.yaml"}]
    targets = [
        {"name": "good", "clusterName": good, "helm": {"values": {"name": "fine"}}},
        {"name": "bad", "clusterName": bad, "helm": {"values": {"name": ""}}},
    ]
    standalone.made("bundles", HERE, name, {"resources": chart, "targets": targets, "defaultNamespace": "default"})
    standalone.until("bundles", f"{HERE}/{name}", lambda found: found["metadata"]["state"]["name"] == "errapplied")
    standalone.until("clusters", f"{HERE}/{good}", lambda _: standalone.deployed(f"{HERE}/{good}") == [name])
    reader = standalone.tab(chromium, "read-only")
    reader.open(HERE, f"bundles/{name}")
    expect(why(reader)).to_contain_text("has no name", timeout=30_000)
    expect(reader.button("Retry on this cluster")).to_have_count(0)
    pages = standalone.tab(chromium)
    pages.open(HERE, f"bundles/{name}")
    pages.button("Retry on this cluster").click()
    pages.sees("A forced update of 1 object has begun.")
    assert pages.violations() == []
    forced = [one for one in (good, bad) if standalone.get("clusters", f"{HERE}/{one}")["spec"].get("redeployAgentGeneration")]
    assert forced == [bad]
    assert not [*pages.faults, *reader.faults]
    for tab in (pages, reader):
        tab.page.context.close()
