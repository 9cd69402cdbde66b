"""What tests of running share: pipelines that are closed afterwards, and no thread of ours left behind."""

import threading

import pytest

from milo_nb.pipeline import Pipeline
from tests.strategies import wait_until

SHARED = ("milo-clock", "milo-capture", "milo-drain")  # threads that serve all sessions and end by themselves


@pytest.fixture
def run():
    """Run phases as a pipeline; what it gave is closed at the end, and its threads must go."""
    before = set(threading.enumerate())
    executors = []

    def start(*phases, params=None, name="p", pipeline_options=None, **options):
        pipeline = Pipeline(name, *phases, **(pipeline_options or {}))
        executor = pipeline.run(params, **{"work_dir": None, **options})
        executors.append(executor)
        return executor

    yield start
    for executor in executors:
        executor.close()
    wait_until(
        lambda: not [t for t in set(threading.enumerate()) - before if t.name.startswith(("milo-p", "milo-listeners"))]
    )
