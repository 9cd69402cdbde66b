"""Fingerprints and digests are the same in every kernel, though cells have another file there each time."""

from __future__ import annotations

import pytest
from jupyter_client.manager import start_new_kernel

from tests.kernels import environment
from tests.values.test_fingerprint import CELL

PROBE = """
from milo_nb.values.digest import digest
from milo_nb.values.fingerprint import fingerprint, source_of
found = fingerprint(clean)
print(found.digest, digest([options, clean, {Kind.A: {"a", "b"}}, Model]), found.untracked, "a comment" in source_of(clean))
"""
DEADLINE_S = 60


@pytest.fixture
def kernel():
    """Starts kernels; each gives what a cell printed."""
    started = []

    def start():
        manager, client = start_new_kernel(
            kernel_name="python3", extra_arguments=["--log-level=ERROR"], env=environment()
        )
        started.append((manager, client))

        def run(text):
            told = []

            def listen(message):
                content = message["content"]
                told.append(content.get("text") or "\n".join(content.get("traceback", [])))

            client.execute_interactive(text, timeout=DEADLINE_S, output_hook=listen)
            return "".join(told).strip()

        return run

    yield start
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_a_cell_has_one_fingerprint_in_every_kernel_until_it_is_edited(kernel):
    first, second = kernel(), kernel()
    first(CELL)
    before = first(PROBE)
    second("1 + 1")
    second("\n\n# another cell\n" + CELL)
    there = second(PROBE)

    assert before == there
    assert before.endswith("('LOCK (lock)',) True")
    second(CELL.replace("return x + 1", "return x + 2"))
    after = second(PROBE)
    assert after.split()[0] != before.split()[0]
    assert after.split()[1] != before.split()[1]
    second(CELL)
    assert second(PROBE) == before
