"""What all tests share: laws are checked on the same examples every time, and nobody writes to the user's registry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent.parent))  # for `tests.strategies`, however pytest was started

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture(autouse=True, scope="session")
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The key that signs results, away from the user's own. Processes that tests start have it, too."""
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("key")
        patch.setenv("MILO_NB_KEY_DIR", str(directory))
        yield directory
