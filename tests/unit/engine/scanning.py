"""A GitRepo with image scans, its repository and registry in memory, and the reconcilers that bring them together."""

from datetime import UTC, datetime, timedelta

from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.imagescans import ImageScanReconciler
from extension.engine.stored import listed
from extension.objects.base import Key
from extension.objects.kinds import ImageScan, ImageScanCommit
from tests.fakes.images import DictImages
from tests.unit.engine.git import INTERVAL as POLL
from tests.unit.engine.git import URL, Git
from tests.unit.engine.samples import NS, config_map

IMAGE = "registry.example.org/app"
SCANS = "imageScans:\n- {image: registry.example.org/app, tagName: app, interval: 5m}\n"
MARKED = config_map("a") + '  image: old # {"$imagescan": "app"}\n'
FILES = {"web/fleet.yaml": f"namespace: web\n{SCANS}", "web/a.yaml": MARKED}
NAME = "imagescan-repo-web-0"
WRITER = {"branch": "main", "client_secret_name": "git", "image_scan_commit": ImageScanCommit("Ann", "ann@example.org", "Newer images")}
ZERO = datetime(2026, 11, 23, tzinfo=UTC)


class World(Git):
    def __init__(self, store, clock):
        super().__init__(store, clock)
        self.sources = DictImages({IMAGE: ["1.0.0", "1.2.0"]})
        self.restarted()

    def restarted(self):
        given = {"jitter": self._jitter, "rules": self.rules}
        self.reconcile = GitRepoReconciler(self.store, self.sources, default_interval=POLL, clock=self.clock, image_scan=True, **given)
        now = lambda: ZERO + timedelta(seconds=self.clock())  # noqa: E731
        self.images = ImageScanReconciler(self.store, self.sources, enabled=True, clock=now, **given)

    def scan(self, name=NAME):
        return self.images(Key("ImageScan", NS, name))

    def sync(self, name="repo"):
        return self.images(Key("GitRepo", NS, name))

    def found(self, name=NAME):
        return self.store.get(ImageScan, NS, name)

    def scans(self):
        return {scan.metadata.name: scan for scan in listed(self.store, ImageScan, NS)}

    def file(self, path="web/a.yaml"):
        return self.sources.commits[URL.format(name="repo")][-1][1].files[path].decode()
