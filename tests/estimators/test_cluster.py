"""A search over the workers of a cluster, by joblib's Dask backend: what it finds is what one process finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from command_line import environment


def test_a_grid_is_searched_by_the_workers_of_a_cluster() -> None:
    """In a process of its own, which starts the workers: this one may hold gigabytes of other tests."""
    program = Path(__file__).with_name("cluster_process.py")
    done = subprocess.run(
        [sys.executable, program], env=environment(), capture_output=True, text=True, timeout=180, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(set(told["workers"])) == 2
    assert told["own"] not in told["workers"]
    for split in ("split0", "split1"):
        accuracy, process = f"{split}_test_accuracy", f"{split}_test_process"
        assert told["found"][accuracy] == told["alone"][accuracy]
        assert set(map(int, told["found"][process])) <= set(told["workers"])
