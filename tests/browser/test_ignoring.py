"""A field that is not as deployed, and is meant not to be: what differs is told field by field, and one is ignored."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World

EDGE, KIOSK = "edge", "edge/kiosk-001"


def why(pages: Pages) -> Locator:
    return pages.page.get_by_role("region", name="Why is it not ready?")


def test_a_field_that_is_ignored_makes_its_bundle_ready_again_and_nothing_else_is_written(standalone: World, chromium: Browser) -> None:
    name = standalone.new("tampered")
    cluster, bundle = standalone.cluster(name, HERE, tampered=name), standalone.bundle(name, HERE, tampered=name)
    standalone.until("clusters", cluster, lambda _: standalone.deployed(cluster) == [name])
    before = standalone.get("bundles", bundle)["spec"]
    file = standalone.file(cluster, f"configmap_{name}.yaml")
    file.write_text(file.read_text().replace("greeting: hello", "greeting: tampered"))
    reader = standalone.tab(chromium, "read-only")
    reader.open(HERE, f"bundles/{name}")
    expect(why(reader)).to_contain_text('/data/greeting is "tampered", deployed "hello", on ' + cluster, timeout=30_000)
    expect(reader.button("Ignore this field")).to_have_count(0)
    pages = standalone.tab(chromium)
    pages.open(HERE, f"bundles/{name}")
    pages.button("Ignore this field").click()
    expect(pages.dialog()).to_contain_text("- /data/greeting")
    assert pages.violations() == []
    pages.dialog().get_by_role("button", name="Ignore it").click()
    pages.sees("The field is ignored")
    expect(why(pages)).to_have_count(0, timeout=30_000)
    found = standalone.get("bundles", bundle)
    entry = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "jsonPointers": ["/data/greeting"]}
    assert (found["metadata"]["state"]["name"], found["spec"]) == ("active", {**before, "diff": {"comparePatches": [entry]}})
    assert "tampered" in file.read_text()
    assert not [*pages.faults, *reader.faults]
    for tab in (pages, reader):
        tab.page.context.close()


def test_for_options_in_git_the_text_and_the_file_are_told(standalone: World, chromium: Browser) -> None:
    file = standalone.file(KIOSK, "*settings*.yaml")
    text = file.read_text()
    pages = standalone.tab(chromium)
    try:
        file.write_text(f"{text}extra: field\n")
        pages.open(EDGE, "gitrepos/kiosks")
        pages.button("Ignore this field").click(timeout=30_000)
        expect(pages.dialog()).to_contain_text("03-kustomize/fleet.yaml")
        expect(pages.dialog().locator("pre")).to_contain_text("- /extra")
        expect(pages.dialog().get_by_role("button", name="Ignore it")).to_have_count(0)
        assert pages.violations() == []
    finally:
        file.write_text(text)
    assert not pages.faults
    pages.page.context.close()
