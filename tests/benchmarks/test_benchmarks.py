"""Every benchmark runs and gives its rows; how fast is for `make bench` to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 800
NAMES = {
    "scheduling": 6, "growth": 6, "depth": 1, "building": 3, "makespan": 1, "printing": 6, "first-line": 1, "kernel": 2,
    "imports": 3, "bundle": 6, "subscribers": 4, "updates": 1, "recording": 3, "replaying": 1, "attaching": 1, "browser": 11,
    "taking-up": 2, "saving": 2, "loading": 1, "hashing": 5, "viewing": 5, "logs": 5, "log-view": 4,
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_benchmark_runs_and_writes_its_rows(tmp_path):
    table = tmp_path / "table.md"
    command = [sys.executable, str(HERE), "--quick", "--rounds", "1", "--write", str(table)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = [line for line in table.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == sum(NAMES.values())
    assert f"{len(rows)} rows" in ended.stdout


@pytest.mark.parametrize("name", ["depth", "updates"])
def test_only_runs_the_benchmark_named(name):
    command = [sys.executable, str(HERE), "--quick", "--only", name]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert f"{NAMES[name]} rows" in ended.stdout
