"""Types are ready for many threads before the first one decodes (a crash of the process otherwise)."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
sys.setswitchinterval(1e-6)
from extension.bundles.fleetyaml import parse
from extension.objects.codec import decode
from extension.objects.kinds import KINDS
barrier = threading.Barrier(8)
def work(number):
    barrier.wait()
    for cls in list(KINDS.values())[number % 3:]:
        decode(cls, {"metadata": {"name": "a"}, "spec": {"helm": {"values": {}}, "targets": [{"clusterSelector": {"matchLabels": {}}}]}})
    parse(b"targetCustomizations: [{clusterSelector: {matchExpressions: [{key: a, operator: Exists}]}}]", "fleet.yaml")
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print("done")
"""


def test_many_threads_may_decode_into_fresh_types_at_once() -> None:
    for _ in range(5):
        ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
        assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
