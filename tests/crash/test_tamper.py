"""Whatever is done to the files of a session: nothing of it runs, no result is wrong, and what is refused says which file."""

import os
import shutil

import cloudpickle
import pytest

from milo_nb.declare.phase import Phase
from milo_nb.errors import MiloError
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.rundir import sessions
from milo_nb.pipeline import Pipeline
from tests.strategies import DEADLINE_S

BIG = bytes(range(256)) * 400
EXPECTED = {"small": 7, "packed": ("a" * 2000, {1, 2}), "big": BIG, "file": "data.csv"}


class Shop:
    """A pipeline whose last phase fails as long as it is broken; it counts what runs."""

    def __init__(self):
        self.ran = []
        self.broken = True

    def __milo_hash__(self):
        """Whatever it counted is no part of the code."""
        return "shop"

    def make(self, root):
        def give(name):
            def handler():
                self.ran.append(name)
                print(f"{name} runs")
                return EXPECTED[name]

            return Phase(name, handler)

        def write(ctx):
            self.ran.append("file")
            (ctx.work_dir / "raw" / "data.csv").write_text("1,2\n")
            return "data.csv"

        def last(small, packed, big, file, ctx):
            if self.broken:
                raise ValueError("boom")
            return small, packed, big, (ctx.work_dir / "raw" / file).read_text()

        phases = [give("small"), give("packed"), give("big"), Phase("file", write), Phase("last", last)]
        return PipelineExecutor(Pipeline("shop", *phases), work_dir=root)


RIGHT = (*[EXPECTED[n] for n in ("small", "packed", "big")], "1,2\n")
SONG = "sang"


class Canary:
    """Sings if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A work directory with one session that failed."""
    root = tmp_path_factory.mktemp("original") / "work"
    executor = Shop().make(root).start()
    assert not executor.wait(DEADLINE_S).success
    executor.close()
    return root


@pytest.fixture
def copied(original, tmp_path):
    """A copy of it that may be tampered with, as its run directory."""
    root = tmp_path / "work"
    shutil.copytree(original, root)
    (run,) = sessions(root)
    return run


def files_of(run):
    """Return all files of a session, by names that do not change from run to run."""
    return {
        ("pack" if p.name.startswith("pack-") else p.relative_to(run.path).as_posix()): p
        for p in sorted(run.path.rglob("*"))
        if p.is_file()
    }


FILES = [
    "events.jsonl", "pipeline-state.json", "params.json", ".lock", "raw/data.csv", "pack", "results/big",
    "logs/big.log", "logs/big.idx", "source/big.1.py",
]  # fmt: skip


def empty(path, _):
    path.write_bytes(b"")


def halve(path, _):
    os.truncate(path, path.stat().st_size // 2)


def cut_end(path, _):
    os.truncate(path, max(path.stat().st_size - 3, 0))


def flip_first(path, _):
    flip(path, 0)


def flip_middle(path, _):
    flip(path, path.stat().st_size // 2)


def flip(path, at):
    content = bytearray(path.read_bytes())
    if content:
        content[at] ^= 4
        path.write_bytes(content)


def append(path, _):
    with path.open("ab") as file:
        file.write(b"\xff\x00nonsense\n")


def zero(path, _):
    path.write_bytes(bytes(path.stat().st_size))


def remove(path, _):
    path.unlink()


def make_folder(path, _):
    path.unlink()
    path.mkdir()


def make_pipe(path, _):
    path.unlink()
    os.mkfifo(path)


def link_elsewhere(path, tmp_path):
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")


def link_nowhere(path, tmp_path):
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")


def link_itself(path, _):
    path.unlink()
    path.symlink_to(path.name)


def put_pickle(path, tmp_path):
    path.write_bytes(cloudpickle.dumps(Canary(str(tmp_path / SONG))))


def put_newer_schema(path, _):
    path.write_text('{"schema": 99, "type": "@@JOURNAL"}\n')


def put_deep_json(path, _):
    path.write_text("[" * 100_000)


DAMAGES = [
    empty, halve, cut_end, flip_first, flip_middle, append, zero, remove, make_folder, make_pipe, link_elsewhere,
    link_nowhere, link_itself, put_pickle, put_newer_schema, put_deep_json,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_tampered_file_costs_at_most_what_it_held(copied, tmp_path, name, damage):
    there = files_of(copied)
    if name == "results/big":
        name = next(n for n in there if n.startswith("results/big"))
    if (name, damage) == ("raw/data.csv", make_pipe):
        damage = remove  # the phase itself would wait for somebody who reads
    damage(there[name], tmp_path)

    try:
        seen = attach(None, copied.root)
    except MiloError as refused:
        assert str(copied.path) in str(refused)  # noqa: PT017 - it may be refused, or not
        assert name == "events.jsonl"
    else:
        try:
            check_results(seen.results)
            for phase in EXPECTED:
                list(seen[phase].logs())
        finally:
            seen.close()

    shop = Shop()
    shop.broken = False
    executor = shop.make(copied.root)
    try:
        result = executor.resume(copied.session_id).wait(DEADLINE_S)
        if not result.success:  # where the phase cannot write its file, it fails
            assert (name, [p.name for p in result.failed]) == ("raw/data.csv", ["file"])
            assert damage in (make_folder, link_itself)
            return
        assert result.results["last"] == RIGHT
        if name.startswith(("results", "pack", "raw")):
            assert len(shop.ran) <= 1
        elif name != "events.jsonl":
            assert shop.ran == []
    except MiloError as refused:
        assert str(copied.path) in str(refused)  # noqa: PT017 - it may be refused, or not
        assert name in ("events.jsonl", ".lock", "pipeline-state.json")
    finally:
        executor.close()
    assert not (tmp_path / SONG).exists()


def check_results(results):
    """What is given out is right; what is not says so."""
    for name, value in EXPECTED.items():
        if name in results:
            try:
                assert results[name] == value
            except MiloError as refused:
                assert name in str(refused) or "results" in str(refused)  # noqa: PT017 - as above


def test_a_file_that_somebody_changed_makes_its_phase_run_again_unless_it_is_to_be_reused(copied):
    (copied.raw / "data.csv").write_text("3,4\n")
    shop = Shop()
    shop.broken = False
    executor = shop.make(copied.root)
    executor._take_up(copied.session_id)
    assert "its file raw/data.csv changed" in str(executor.plan("resume"))
    assert executor.resume(stale="reuse").wait(DEADLINE_S).results["last"][-1] == "3,4\n"
    assert shop.ran == []
    executor.close()


def test_a_file_that_a_later_phase_wrote_anew_is_nobodys_edit(tmp_path):
    class Ran(list):
        def __milo_hash__(self):
            return "ran"

    ran = Ran()

    def write(text, name):
        def handler(ctx):
            ran.append(name)
            (ctx.work_dir / "raw" / "data.csv").write_text(text)

        return handler

    class Switch:
        fails = True

        def __milo_hash__(self):
            return "switch"

    switch = Switch()

    def last(b):
        if switch.fails:
            raise ValueError("boom")

    phases = [Phase("a", write("1", "a")), Phase("b", write("22", "b"), "", "a"), Phase("last", last)]
    first = PipelineExecutor(Pipeline("p", *phases), work_dir=tmp_path)
    first.execute()
    first.close()
    switch.fails = False
    second = PipelineExecutor(Pipeline("p", *phases), work_dir=tmp_path, resume=True)
    assert second.execute().success
    assert ran == ["a", "b"]
    second.close()
