"""The journal: whatever happens to it, what can be read is what was written, and nobody takes damage for facts."""

import json
import os

import pytest

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.errors import SchemaError, WorkDirError
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import JOURNALLED, Entry, Journal, make_header, read
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from tests.strategies import nothing

HEADER = make_header("p", "s-1", declared_to_json(PhaseGraph([Phase("a", nothing)])), wall=1000.5, clock=3.25)
STORY = [
    Action(a.PIPELINE_START, {"session_id": "s-1"}, 4.0),
    Action(a.PHASE_START, {"name": "a", "attempt": 1}, 4.5),
    Action(a.PHASE_FAILED, {"name": "a", "attempt": 1, "error": 'no "ü"\n'}, 5.0),
    Action(a.PHASE_START, {"name": "a", "attempt": 2}, 5.25),
    Action(a.PHASE_COMPLETE, {"name": "a", "attempt": 2, "result": "a.2"}, 6.125),
    Action(a.PIPELINE_COMPLETE, None, 7.0),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def written(path, actions=STORY):
    journal = Journal.create(path, HEADER)
    journal.append(actions)
    journal.sync()
    journal.close()
    return path.read_bytes()


def names(directory):
    return sorted(p.name for p in directory.iterdir())


def reopened(path):
    journal = Journal.open(path)
    journal.close()
    return journal.journalled


def test_what_was_appended_is_read_again(path):
    written(path)

    journalled = read(path)

    assert journalled.actions == STORY
    assert journalled.header | HEADER == journalled.header
    assert (journalled.damage, journalled.is_torn, journalled.missed) == ("", False, 0)


def test_every_line_is_strict_json_with_its_number(path):
    lines = written(path).decode("ascii").splitlines()

    def refuse(word):
        raise AssertionError(word)

    facts = [json.loads(line, parse_constant=refuse) for line in lines]
    assert (facts[0]["schema"], facts[0]["type"]) == (1, "@@JOURNAL")
    assert [f["n"] for f in facts[1:]] == list(range(1, len(STORY) + 1))


def test_lines_of_logs_displays_and_progress_are_left_out(path):
    told = [Action(a.PHASE_LOGS, {"name": "a", "lines": []}), Action(a.PHASE_PROGRESS, {}), Action(a.PHASE_OUTPUT, {})]
    written(path, [*told, Action(a.KEY, "q"), Action("@@MINE", {})])

    assert read(path).actions == []
    assert JOURNALLED.isdisjoint({a.PHASE_LOG, a.PHASE_LOGS, a.PHASE_OUTPUT, a.PHASE_PROGRESS, a.KEY})


def test_a_payload_that_json_cannot_hold_is_told_in_words(path):
    circle = {}
    circle["me"] = circle
    payloads = [{"error": float("inf")}, {"marks": {("a", "b"): 1, "c": path}}, {"x": object()}, circle]
    written(path, [Action(a.COMMAND, p, 1.0) for p in payloads])

    told = [action.payload for action in read(path).actions]
    assert told[0] == {"error": "Infinity"}
    assert told[1] == {"marks": {"c": str(path)}}
    assert told[2] == {"x": "<object>"}
    assert len(told) == 4


@pytest.mark.parametrize(
    "action",
    [
        Action(a.PHASE_START, "a", 1.0),
        Action(a.PHASE_START, {"name": "a"}, 1.0),
        Action(a.PHASE_START, {"name": 'quo"ted \ud800 ü', "attempt": 3}, 1.0),
        Action(a.PHASE_START, {"name": "a", "attempt": True}, 1.0),
        Action(a.PHASE_START, {"name": "a", "attempt": 1, 'k"ey': "x"}, 1e-9),
        Action(a.PHASE_COMPLETE, {"name": "a", "attempt": 1, "result": {"x": [1]}}, 1e22),
        Action(a.PHASE_COMPLETE, {"name": "a", "attempt": 1, "result": None}, 2.0),
        Action(a.PHASE_COMPLETE, {"name": "a", "attempt": 1, 'res"ult': "x"}, 2.0),
        Action(a.PHASE_COMPLETE, None, 2.0),
        Action(a.PHASE_COMPLETE, {"attempt": 1, "result": "x", "name": "a"}, 2.0),
    ],
)
def test_the_short_way_of_writing_says_what_the_long_one_does(path, action):
    written(path, [action])

    assert read(path).actions == [action]


def test_a_completed_phase_with_its_result_is_one_line_and_two_actions(path):
    completed = STORY[4]
    saved = {"size": 3, "mac": "00", "value": None, 'fi"les': [{"path": "x"}]}
    journal = Journal.create(path, HEADER)
    journal.append_entries([Entry(completed.type, completed, {"saved": saved}), STORY[5]])
    journal.close()

    payload = {"name": "a", "attempt": 2, **saved}
    assert read(path).actions == [completed, Action(a.PHASE_SAVED, payload, 6.125), STORY[5]]
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    "value", [{"code": {"digest": "d", 'p"arts': {"x": "y"}}}, {"a": {"b": {"c": {"d": {"e": 1}}}}}]
)
def test_facts_within_facts_come_back(path, value):
    completed = STORY[4]
    journal = Journal.create(path, HEADER)
    journal.append_entries([Entry(completed.type, completed, {"saved": value})])
    journal.close()

    assert read(path).actions[1].payload == {"name": "a", "attempt": 2, **value}


def test_what_is_noted_beside_an_action_is_found_by_its_position(path):
    journal = Journal.create(path, HEADER)
    journal.append_entries([STORY[0], Entry(STORY[2].type, STORY[2], {"extra": {"traceback": "at line 3"}})])
    journal.close()

    assert read(path).extras == {1: {"traceback": "at line 3"}}


def test_a_later_owner_goes_on_with_numbers_and_clock(path):
    written(path)
    journal = Journal.open(path)
    journal.own(2000.0, 9.5, host="there", pid=7)
    journal.append([Action(a.PHASE_EDITED, {"name": "a"}, 10.0)])
    journal.close()

    journalled = read(path)
    assert [o["host"] for o in journalled.owners] == ["there"]
    assert journalled.actions[:-1] == STORY
    assert (journalled.wall_offset, journalled.last_clock) == (1990.5, 10.0)
    assert journalled.damage == ""


def test_the_clock_goes_on_from_what_happened_last(path):
    written(path)

    assert (read(path).wall_offset, read(path).last_clock) == (997.25, 7.0)


def test_there_is_no_second_beginning(path):
    before = written(path)

    with pytest.raises(WorkDirError, match="journal already"):
        Journal.create(path, HEADER)
    assert path.read_bytes() == before


# ---------------------------------------------------------------------- damage


def test_torn_at_any_length_it_keeps_all_whole_lines(path):
    whole = written(path)
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])

        journalled = read(path)

        kept = whole[:length].count(b"\n") - 1
        assert journalled.actions == STORY[:kept]
        is_cut = not whole[:length].endswith(b"\n")
        assert (journalled.is_torn, bool(journalled.damage)) == (is_cut, is_cut)
        assert path.read_bytes() == whole[:length], "reading wrote"


def test_a_torn_end_is_cut_off_and_that_is_recorded(path):
    whole = written(path)
    path.write_bytes(whole[:-20])

    assert reopened(path).actions == STORY[:-1]

    journalled = read(path)
    assert (journalled.actions, journalled.damage) == (STORY[:-1], "")
    last = json.loads(path.read_bytes().splitlines()[-1])
    assert (last["type"], last["n"]) == ("@@REPAIRED", len(STORY))
    assert (
        last["dropped_bytes"] == len(whole) - 20 - journalled.good_bytes + len(path.read_bytes().splitlines()[-1]) + 1
    )
    assert names(path.parent) == ["events.jsonl"]


def test_a_bit_flipped_at_any_place_is_never_taken_for_a_fact(path):
    whole = written(path)
    first = whole.index(b"\n") + 1
    lines = whole.splitlines(keepends=True)
    starts = [sum(map(len, lines[:k])) for k in range(len(lines) + 1)]
    for place in range(len(whole)):
        flipped = bytes([whole[place] ^ (1 << place % 8)])
        path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        if place < first:
            with pytest.raises(WorkDirError, match="first line is damaged"):
                read(path)
            continue
        good = max(k for k, start in enumerate(starts) if start <= place) - 1
        journalled = read(path)
        assert journalled.actions == STORY[:good], f"byte {place}"
        assert journalled.damage


def test_a_journal_damaged_in_its_middle_is_kept_whole_beside_its_good_part(path):
    whole = written(path)
    damaged = whole.replace(b'"attempt":1', b'"attempt":3', 1)
    path.write_bytes(damaged)

    journalled = reopened(path)

    assert journalled.actions == STORY[:1]
    assert "record 2 cannot be read" in journalled.damage
    assert (path.parent / "events.jsonl.bad-1").read_bytes() == damaged
    assert read(path).actions == STORY[:1]
    assert json.loads(path.read_bytes().splitlines()[-1])["kept_as"] == "events.jsonl.bad-1"


def test_each_damaged_journal_is_kept_under_a_name_of_its_own(path):
    for _ in range(2):
        path.unlink(missing_ok=True)
        path.write_bytes(written(path).replace(b'"attempt":1', b'"attempt":3', 1))
        reopened(path)

    assert names(path.parent) == ["events.jsonl", "events.jsonl.bad-1", "events.jsonl.bad-2"]


def test_a_line_that_is_missing_is_noticed(path):
    lines = written(path).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))

    assert read(path).actions == STORY[:1]


def test_zeros_at_the_end_as_a_power_cut_leaves_them_are_a_torn_end(path):
    whole = written(path)
    path.write_bytes(whole + b"\0" * 300)

    assert read(path).is_torn
    assert reopened(path).actions == STORY
    assert list(path.parent.glob("*.bad-*")) == []


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b'{"schema":1}\n', b"\xff\xfe\n", b"[1]\n"])
def test_without_its_first_line_it_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)

    for use in (read, Journal.open):
        with pytest.raises(WorkDirError, match="first line is damaged"):
            use(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("with_checksum", [True, False])
def test_what_a_newer_version_wrote_is_refused_and_left_as_it_is(path, with_checksum):
    if with_checksum:
        Journal.create(path, HEADER | {"schema": 2}).close()
    else:
        path.write_text(json.dumps({"schema": 2, "type": "@@JOURNAL"}) + "\n")
    before = path.read_bytes()

    with pytest.raises(SchemaError, match="has schema 2, and this version of milo_nb reads up to 1") as refused:
        Journal.open(path)
    assert (refused.value.path, refused.value.schema, refused.value.known) == (str(path), 2, 1)
    assert path.read_bytes() == before


def test_what_a_newer_version_went_on_with_is_refused(path):
    written(path)
    journal = Journal.open(path)
    journal.own(1.0, 2.0, schema=2)
    journal.close()

    with pytest.raises(SchemaError):
        read(path)


def test_lines_with_good_checksums_that_are_none_of_ours_end_what_can_be_read(path):
    journal = Journal.create(path, HEADER)
    journal.append(STORY[:2])
    journal.append_entries([Entry("@@OWNER", None, {"schema": 1}), Entry(a.PHASE_START, None, {})])
    journal.append(STORY[2:3])
    journal.close()

    journalled = read(path)
    assert journalled.actions == STORY[:2]
    assert "record 4" in journalled.damage


# ---------------------------------------------------------------------- a disk that refuses


def test_what_cannot_be_written_whole_is_not_there_and_can_be_written_later(path, monkeypatch):
    journal = Journal.create(path, HEADER)
    journal.append(STORY[:1])
    before = path.read_bytes()
    real = os.write
    calls = []

    def full(fd, content):
        calls.append(len(content))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(fd, content[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.append(STORY[1:])
    monkeypatch.setattr(os, "write", real)
    assert path.read_bytes() == before

    journal.append(STORY[1:])
    journal.close()
    assert read(path).actions == STORY


def test_half_a_line_that_could_not_be_taken_back_goes_before_the_next_one(path, monkeypatch):
    journal = Journal.create(path, HEADER)
    real_write, real_truncate = os.write, os.ftruncate

    def refuse(*_):
        raise OSError(5, "Input/output error")

    def half(fd, content):
        if len(content) < 20:
            refuse()
        return real_write(fd, content[:-10])

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(OSError, match="Input"):
        journal.append(STORY[:3])
    assert read(path).is_torn
    monkeypatch.setattr(os, "write", real_write)
    with pytest.raises(OSError, match="Input"):
        journal.append(STORY)
    monkeypatch.setattr(os, "ftruncate", real_truncate)

    journal.append(STORY)
    journal.close()
    assert (read(path).actions, read(path).damage) == (STORY, "")


def test_a_journal_that_was_removed_or_replaced_takes_no_more(path):
    journal = Journal.create(path, HEADER)
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        journal.append(STORY)
    path.write_bytes(b"another")
    with pytest.raises(FileNotFoundError, match="removed or replaced"):
        journal.append(STORY)
    journal.close()


def test_it_follows_no_link(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    written(elsewhere)
    path.symlink_to(elsewhere)

    with pytest.raises(OSError, match="symbolic links"):
        Journal.open(path)


def test_only_its_owner_may_read_it(path):
    written(path)

    assert path.stat().st_mode & 0o777 == 0o600
