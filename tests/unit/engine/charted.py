"""A hub with a HelmOp, and a repository whose charts are what a test says."""

from __future__ import annotations

from extension.engine.helmops import HelmOpReconciler
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, HelmOp, HelmOpSpec
from extension.objects.options import HelmOptions
from extension.targeting.admission import Rules
from tests.fakes.charts import DictCharts
from tests.unit.engine.samples import NS, changed, replace

REPO = "https://charts.example.org"
KEY = Key("HelmOp", NS, "web")


class Hub:
    """One HelmOp `web` of a repository whose chart `web` has versions."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.charts = DictCharts({(REPO, "web"): ["1.0.0", "1.2.0", "2.0.0"]})
        self.rules = Rules()
        self.restarted()

    def restarted(self):
        self.reconcile = HelmOpReconciler(
            self.store, self.charts, jitter=lambda seconds: seconds, rules=lambda _namespace: self.rules, clock=self.clock
        )

    def add(self, version="1.x", chart="web", repo=REPO, helm=None, **spec):
        helm = HelmOptions(chart=chart, repo=repo, version=version, **(helm or {}))
        self.store.create(HelmOp(metadata=ObjectMeta(name="web", namespace=NS), spec=HelmOpSpec(helm=helm, **spec)))
        return self.look()

    def look(self):
        return self.reconcile(KEY)

    def pass_(self, seconds):
        self.clock.pass_(seconds)
        return self.look()

    def change(self, helm=None, **spec):
        if helm:
            spec["helm"] = replace(self.op().spec.helm, **helm)
        self.store.update(changed(self.op(), **spec))
        return self.look()

    def publish(self, version):
        self.charts.versions[REPO, "web"].append(version)

    def op(self):
        return self.store.get(HelmOp, NS, "web")

    def bundle(self):
        return self.store.find(Bundle, NS, "web")
