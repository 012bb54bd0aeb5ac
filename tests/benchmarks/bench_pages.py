"""The pages in a browser before a service with SIZE clusters (default 10,000): how much Rancher's dashboard loads of ours, the time until
the first page can be used, until the next page of a list is there, and the frames that are drawn while clusters change all the time."""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, Page, sync_playwright

from extension.client import ApiClient
from extension.commands.simulate import registration
from extension.objects.agents import DeploymentReport
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import HttpDoor
from extension.simulator.running import Shard, at_once, join
from tests.benchmarks.bench_checkin import ALL, living
from tests.benchmarks.common import figure, size
from tests.benchmarks.fleet import ready
from tests.benchmarks.service import Service, served, waiting
from tests.browser import components

WORKSPACE = "fleet-default"
TIMES = 20
CLICKS = 100
ROWS = 50
"""Of a page of a list."""
A_MINUTE = 10_000
"""Reports, each an event."""
SECONDS = 60.0
CHANGING = "changing"
"""The workspace of the agents that report; lists of all workspaces hear of them."""
AGENTS, SHARDS = 1000, 8
LONG = 100.0
"""Milliseconds of a frame that one notices."""

WATCH = """
window.measured = { first: 0, clicked: 0, changed: [], frames: [] };
const top = () => document.querySelector("tbody tr a")?.textContent ?? "";
let last = "";
new MutationObserver(() => {
  const now = top();
  if (!now || now === last) return;
  if (!measured.first) measured.first = performance.now();
  if (measured.clicked) measured.changed.push(performance.now() - measured.clicked);
  [last, measured.clicked] = [now, 0];
}).observe(document, { childList: true, subtree: true, characterData: true });
addEventListener("click", () => (measured.clicked = performance.now()), true);
"""
FRAMES = """(seconds) => new Promise((done) => {
  const frames = [];
  let before = performance.now();
  const end = before + seconds * 1000;
  const draw = (now) => {
    frames.push(now - before);
    before = now;
    if (now < end) requestAnimationFrame(draw);
    else done(frames);
  };
  requestAnimationFrame(draw);
})"""


def opened(browser: Browser, service: Service) -> Page:
    """A tab of a browser that was never here, at the list of clusters."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(f"sessionStorage.setItem('continuous-delivery-token', '{service.token}');{WATCH}")
    page = context.new_page()
    page.goto(f"{service.url}/w/{WORKSPACE}/clusters?sort=metadata.name")
    page.locator("tbody tr a").first.wait_for()
    return page


def p95(found: list[float]) -> float:
    return statistics.quantiles(found, n=20)[-1]


def first_pages(browser: Browser, service: Service, count: int) -> None:
    found = []
    for _ in range(TIMES):
        page = opened(browser, service)
        found.append(float(page.evaluate("() => measured.first")))
        page.context.close()
    figure("pages", count, p95(found), "ms", what="first page of clusters, from its address to its rows, nothing kept", percentile=95,
           median=round(statistics.median(found)), longest=round(max(found)))  # fmt: skip


def next_pages(page: Page, count: int) -> None:
    for _ in range(min(CLICKS, count // ROWS - 1)):
        before = page.evaluate("() => measured.changed.length")
        page.get_by_role("button", name="Next", exact=True).click()
        page.wait_for_function("(before) => measured.changed.length > before", arg=before)
    found = [float(one) for one in page.evaluate("() => measured.changed")]
    figure("pages", count, p95(found), "ms", what="next page of the list, from the click to its rows", percentile=95,
           median=round(statistics.median(found)), longest=round(max(found)))  # fmt: skip


@contextmanager
def changing(service: Service) -> Iterator[list[int]]:
    """Agents report all the time beside this, of a bundle that is Ready and NotReady by turns; how often each shard of them did."""
    service.post("/v1/management.cattle.io.fleetworkspaces", {"metadata": {"name": CHANGING}})
    _, word = registration(ApiClient(service.url, service.token), CHANGING, "bench")
    made = [Shard(HttpDoor(service.url), Behaviour(deploy_seconds=0, interval=1), seed) for seed in range(SHARDS)]
    join(made, word, "changing", AGENTS, AGENTS)
    spec = {"resources": [{"name": "a.yaml", "content": "kind: ConfigMap"}], "targets": [ALL], "targetRestrictions": [ALL]}
    service.post("/v1/fleet.cattle.io.bundles", {"metadata": {"name": "b1", "namespace": CHANGING}, "spec": spec})
    with living(made):
        for _ in waiting("every deployment to be ready", 600, 0.1):
            if is_deployed(service):
                break
    stopped, done = threading.Event(), [0] * SHARDS
    thread = threading.Thread(target=lambda: at_once(made, lambda shard: tell(shard, made.index(shard), stopped, done)))
    thread.start()
    try:
        yield done
    finally:
        stopped.set()
        thread.join()


def is_deployed(service: Service) -> bool:
    shown = service.get(f"/v1/fleet.cattle.io.bundles/{CHANGING}/b1").get("status", {}).get("display", {})
    return bool(shown.get("readyClusters") == f"{AGENTS}/{AGENTS}")


def tell(shard: Shard, place: int, stopped: threading.Event, done: list[int]) -> None:
    """Reports of one shard, one after the other, as often as makes A_MINUTE with those of the others."""
    began = time.monotonic()
    while not stopped.is_set():
        number = done[place] % len(shard.agents)
        ((bundle_id, known),) = shard.agents.known[number].items()
        is_ready = bool(done[place] // len(shard.agents) % 2)
        status = msgspec.structs.replace(ready(known.deployment_id), ready=is_ready)
        shard.say(number, (DeploymentReport(bundle_id, known.sequence + 1, status=status),))
        done[place] += 1
        stopped.wait(max(0.0, began + done[place] * 60 * SHARDS / A_MINUTE - time.monotonic()))


class Work:
    """Processor time of the page's own thread since this was made, which other work on the machine does not lengthen."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = self._now()

    def _now(self) -> float:
        found = self._session.send("Performance.getMetrics")["metrics"]
        return sum(float(one["value"]) for one in found if one["name"] == "TaskDuration")

    def seconds(self) -> float:
        return self._now() - self._before


def frames(page: Page, service: Service, count: int) -> None:
    with changing(service) as done:
        work = Work(page)
        before, began = sum(done), time.monotonic()
        found: list[Any] = page.evaluate(FRAMES, SECONDS)
        changes = (sum(done) - before) / (time.monotonic() - began) * 60
        used = work.seconds() / (time.monotonic() - began)
    detail = {"reports_a_minute": round(changes), "frames": len(found), "median": round(statistics.median(found), 1)}
    detail |= {"over_100_ms": sum(one > LONG for one in found), "page_of_a_core": round(used, 3)}
    figure("pages", count, max(found), "ms", what="longest frame of a list while agents report", **detail)


def extension() -> None:
    (script,) = (components.ROOT / "api" / "pages" / "rancher" / "plugin").glob("*.js")
    text = script.read_bytes()
    figure("pages", len(text), len(gzip.compress(text)) / 1000, "kB", what="the extension of Rancher's dashboard, gzipped")


def main() -> None:
    reason = components.missing()
    if reason:
        sys.exit(reason)
    components.build()
    extension()
    count = size(10_000, most=1_000_000)
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch)) as service, sync_playwright() as playwright:
        _, word = registration(ApiClient(service.url, service.token), WORKSPACE, "bench")
        join([Shard(HttpDoor(service.url), Behaviour(), seed) for seed in range(SHARDS)], word, "pages", count, 1000)
        browser = playwright.chromium.launch(executable_path=components.chromium(), args=components.FLAGS)
        first_pages(browser, service, count)
        page = opened(browser, service)
        next_pages(page, count)
        page.goto(f"{service.url}/w/_/clusters?sort=metadata.name")
        page.locator("tbody tr a").first.wait_for()
        frames(page, service, count)
        browser.close()


if __name__ == "__main__":
    main()
