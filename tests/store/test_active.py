"""The pipeline that is active in this process, and the file that tells other processes."""

import json
import os

import pytest

from milo_nb.declare.phase import Phase
from milo_nb.pipeline import Pipeline, get_active_pipeline, pipeline_to_timeline, set_active_pipeline
from milo_nb.state.model import PhaseStatus, PipelineState
from milo_nb.store import active
from milo_nb.testing import HandBackend
from tests.strategies import DEADLINE_S, nothing, wait_until


@pytest.fixture(autouse=True)
def nothing_active(monkeypatch):
    monkeypatch.setattr(active, "_written_at", 0.0)
    monkeypatch.setattr(active, "WRITE_GAP_S", 0.0)
    set_active_pipeline(None)
    yield
    set_active_pipeline(None)


@pytest.fixture
def file(own_registry):
    return own_registry / "pipelines" / f"{os.getpid()}.json"


STATE = PipelineState("site", (PhaseStatus("a", "running"),), status="running")


def test_there_is_none_at_first():
    assert get_active_pipeline() is None


def test_the_active_state_is_kept_and_written(file):
    set_active_pipeline(STATE)
    assert get_active_pipeline() is STATE
    written = json.loads(file.read_text())
    assert (written["schema"], written["pid"]) == (1, os.getpid())
    assert written["timeline"] == pipeline_to_timeline(STATE)


def test_none_removes_the_file(file):
    set_active_pipeline(STATE)
    set_active_pipeline(None)
    assert get_active_pipeline() is None
    assert not file.exists()
    assert list(file.parent.iterdir()) == []


def test_it_is_not_written_if_that_is_not_wanted(file):
    set_active_pipeline(STATE, write=False)
    assert get_active_pipeline() is STATE
    assert not file.exists()


def test_writes_are_throttled_but_an_end_is_always_written(file, monkeypatch):
    set_active_pipeline(STATE)
    monkeypatch.setattr(active, "WRITE_GAP_S", 3600.0)
    set_active_pipeline(PipelineState("other", status="running"))
    assert json.loads(file.read_text())["timeline"]["pipeline"] == "site"
    set_active_pipeline(PipelineState("other", status="completed"))
    assert json.loads(file.read_text())["timeline"]["pipeline"] == "other"


def test_a_registry_that_cannot_be_written_stops_nobody(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MILO_NB_REGISTRY", str(blocked))
    set_active_pipeline(STATE)
    assert get_active_pipeline() is STATE


def test_the_directory_can_be_said_and_else_is_the_users(monkeypatch, own_registry):
    assert active.registry_dir() == own_registry / "pipelines"
    monkeypatch.delenv("MILO_NB_REGISTRY")
    assert active.registry_dir().name == "pipelines"
    assert "milo_nb" in str(active.registry_dir())


def test_executors_publish_their_state(file, tmp_path):
    backend = HandBackend()
    executor = Pipeline("live", Phase("a", nothing)).run(work_dir=tmp_path, backend=backend)
    wait_until(lambda: get_active_pipeline() is not None and get_active_pipeline().phases[0].status == "running")
    backend.finish("a")
    assert executor.wait(DEADLINE_S).success
    wait_until(lambda: get_active_pipeline().status == "completed")
    wait_until(lambda: json.loads(file.read_text())["timeline"]["status"] == "completed")
    executor.close()


def test_executors_without_a_work_dir_write_nothing(file):
    executor = Pipeline("live", Phase("a", nothing)).run(work_dir=None)
    executor.wait(DEADLINE_S)
    wait_until(lambda: get_active_pipeline() is not None and get_active_pipeline().status == "completed")
    executor.close()
    assert not file.exists()
