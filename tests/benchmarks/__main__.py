"""`python -m tests.benchmarks [ONLY] [SIZE]`: runs bench_*.py, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    size = [one for one in sys.argv[2:3] if one]
    files = sorted(p.stem for p in Path(__file__).parent.glob("bench_*.py") if not only or p.stem == f"bench_{only}")
    if not files:
        print(f"there is no benchmark {only}", file=sys.stderr)
        return 2
    return max(subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *size], check=False).returncode for name in files)


if __name__ == "__main__":
    sys.exit(main())
