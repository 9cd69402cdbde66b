"""What all tests share: laws are checked on the same examples every time, and nobody writes to the user's registry."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent.parent))  # for `tests.strategies`, however pytest was started

settings.register_profile(
    "milo",
    derandomize=True,
    deadline=None,
    max_examples=60,
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("milo")


@pytest.fixture(autouse=True)
def own_registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry of running pipelines, away from the user's own."""
    directory = tmp_path_factory.mktemp("registry")
    monkeypatch.setenv("MILO_NB_REGISTRY", str(directory))
    return directory
