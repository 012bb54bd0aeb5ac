"""`make screenshots`: the pictures of README.md, taken of the demonstration after something went wrong in it.

They are kept small: a palette of few colours is all that pages have.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser import components
from tests.browser.pages import Pages
from tests.browser.standalone import standalone
from tests.browser.world import World
from tests.integration.service.running import wait_for
from tests.integration.sources.gits import git_http

PICTURES = components.ROOT / "docs" / "pictures"
WORKSPACE = "fleet-default"
SIZE = {"width": 1200, "height": 720}
URL = "http://git.example.org/shop.git"
"""Where the pictures have the repository: where it lies on the machine that they are taken on is of no interest."""


@contextmanager
def demonstration(folder: Path) -> Iterator[World]:
    """The demonstration with its repository at URL, which a proxy leads to."""
    served = folder / "served"
    served.mkdir()
    (served / "shop.git").symlink_to(folder / "state" / "demo" / "repo" / ".git")
    server = git_http(served)
    try:
        with standalone(folder, HTTP_PROXY=server.url) as world:
            place = f"{WORKSPACE}/shop"
            assert world.call("PATCH", f"/v1/fleet.cattle.io.gitrepos/{place}", json={"spec": {"repo": URL}}).ok
            world.until("gitrepos", place, lambda found: found["status"]["observedGeneration"] == found["metadata"]["generation"])
            world.until("gitrepos", place, lambda found: found["metadata"]["state"]["name"] == "active")
            yield world
    finally:
        server.stop()


def break_something(world: World) -> None:
    """Somebody edited what is deployed on one cluster."""
    file = world.file(f"{WORKSPACE}/boston", "configmap_shop-cache.yaml")
    file.write_text(file.read_text().replace("256Mi", "1Gi"))
    wait_for(lambda: world.get("gitrepos", f"{WORKSPACE}/shop")["metadata"]["state"]["name"] == "modified", "shop to be Modified")


def take(pages: Pages, name: str) -> None:
    pages.page.wait_for_timeout(500)
    pages.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def gitrepo(pages: Pages) -> None:
    pages.open(WORKSPACE, "gitrepos/shop", tab="resources")
    pages.page.get_by_label("Search objects").fill("cache")
    expect(pages.page.get_by_role("treeitem").first).to_be_visible()
    take(pages, "why")


def plan(pages: Pages) -> None:
    pages.open(WORKSPACE, "clusters/staging")
    pages.button("Change workspace").click()
    pages.dialog().get_by_label("New workspace").select_option("edge")
    expect(pages.dialog().get_by_text("Leaves the cluster: ")).to_be_visible()
    take(pages, "move")


def clusters(pages: Pages) -> None:
    pages.open("_", "clusters")
    expect(pages.row("berlin")).to_be_visible()
    take(pages, "clusters")


def main() -> None:
    reason = components.missing()
    if reason:
        sys.exit(reason)
    components.build()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-") as scratch, demonstration(Path(scratch)) as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=components.chromium(), args=components.FLAGS)
        break_something(world)
        light, dark = world.tab(browser, color_scheme="light"), world.tab(browser, color_scheme="dark")
        for pages in (light, dark):
            pages.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        gitrepo(light)
        plan(light)
        clusters(dark)
        browser.close()


if __name__ == "__main__":
    main()
