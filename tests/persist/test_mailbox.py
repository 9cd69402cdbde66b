"""The mailbox: what other processes ask of a session's owner."""

import json
import os
import subprocess
import sys
import time

import pytest

from milo_nb.errors import InvalidStateError
from milo_nb.persist.mailbox import MOST_BYTES, Answer, Mailbox, post, wait_answer
from tests.strategies import DEADLINE_S


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "control").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def mailbox(run_dir):
    return Mailbox(run_dir)


def drop(run_dir, content, name="00000000000000000001-x.request.json"):
    (run_dir / "control" / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


GOOD = {"id": "x", "word": "pause", "phases": [], "options": {}, "by": "cli", "at": 1.0}


def test_what_is_posted_arrives_whole(run_dir, mailbox):
    before = time.time()
    made = post(run_dir, {"word": "retry", "phases": ["train"], "options": {"downstream": False}, "by": "terminal"})

    (request,) = mailbox.poll()

    assert (request.id, request.word, request.phases) == (made, "retry", ("train",))
    assert (request.options, request.by) == ({"downstream": False}, "terminal")
    assert before <= request.at <= time.time()


def test_requests_come_in_the_order_they_were_posted_and_once(run_dir, mailbox):
    ids = [post(run_dir, {"word": word}) for word in ("pause", "resume", "cancel", "approve", "retry-failed")]

    assert [r.id for r in mailbox.poll()] == ids
    assert mailbox.poll() == []


def test_a_request_is_a_private_file(run_dir):
    post(run_dir, {"word": "pause"})

    (file,) = (run_dir / "control").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_answer_reaches_who_asked_and_ends_the_request(run_dir, mailbox):
    made = post(run_dir, {"word": "pause"})
    mailbox.answer(mailbox.poll()[0], ok=True, message="pausing")

    assert wait_answer(run_dir, made, DEADLINE_S) == Answer(ok=True, message="pausing")
    assert [p.name for p in (run_dir / "control").iterdir()] == [f"{made}.answer.json"]
    assert Mailbox(run_dir).poll() == []


def test_an_unanswered_request_is_still_there_for_the_next_owner(run_dir, mailbox):
    made = post(run_dir, {"word": "pause"})
    mailbox.poll()

    assert [r.id for r in Mailbox(run_dir).poll()] == [made]


def test_who_takes_over_refuses_what_was_meant_for_an_owner_that_is_gone(run_dir):
    made = post(run_dir, {"word": "cancel"})
    heir = Mailbox(run_dir)

    assert [r.id for r in heir.refuse_waiting("the kernel that ran the session has ended")] == [made]

    assert heir.poll() == []
    assert wait_answer(run_dir, made, DEADLINE_S) == Answer(
        ok=False, message="the kernel that ran the session has ended"
    )


def test_an_answer_does_not_touch_a_request_whose_id_ends_alike(run_dir, mailbox):
    post(run_dir, {"word": "pause", "id": "b-a"})
    post(run_dir, {"word": "pause", "id": "a"})
    longer, shorter = mailbox.poll()

    mailbox.answer(shorter, ok=True, message="")

    assert [r.id for r in Mailbox(run_dir).poll()] == [longer.id]


def test_nobody_answers_in_time(run_dir):
    made = post(run_dir, {"word": "pause"})

    assert wait_answer(run_dir, made, 0.01) is None
    assert wait_answer(run_dir, made, cancelled=lambda: True) is None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"word": "explode"}, "word must be one of start, pause, "),
        ({}, "word must be one of start, pause, "),
        ({"word": "retry", "phases": "train"}, "phases must be names; got 'train'"),
        ({"word": "retry", "phases": [1]}, "phases must be names"),
        ({"word": "retry", "options": []}, "options must be an object"),
        ({"word": "retry", "options": {"x": float("nan")}}, "not JSON compliant"),
        ({"word": "retry", "by": ""}, "by must say who asks"),
        ({"word": "retry", "id": "../../evil"}, "id must be letters"),
        ({"word": "retry", "id": "a\n"}, "id must be letters"),
        ({"word": "retry", "phase": "x"}, "a request has no field 'phase'; it has at, by, id, options, phases, word"),
        ({"word": "retry", "phases": ["x" * MOST_BYTES]}, "a request may have 64000 bytes"),
    ],
)
def test_what_is_no_request_is_not_posted(run_dir, command, message):
    with pytest.raises(ValueError, match=message):
        post(run_dir, command)
    assert list((run_dir / "control").iterdir()) == []


def test_an_id_that_leads_elsewhere_is_not_waited_for(run_dir):
    with pytest.raises(ValueError, match="is no id of a request"):
        wait_answer(run_dir, "../secret", 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not the JSON it should be"),
        (b"[1]", "does not hold an object"),
        (b"\xff\xfe", "not the JSON it should be"),
        (b"[" * 50_000, "not the JSON it should be"),
        (GOOD | {"word": "format"}, "word must be one of"),
        (GOOD | {"id": "y"}, "named after another id than its own"),
        (GOOD | {"id": ["x"]}, "id must be letters"),
        (GOOD | {"at": True}, "at must be seconds"),
        (GOOD | {"by": 3}, "by must say who asks"),
        (GOOD | {"extra": 1}, "no field 'extra'"),
        (b'{"word": "pause", "at": NaN}', "NaN is not JSON"),
        (b" " * (MOST_BYTES + 1), "is larger than 64000 bytes"),
    ],
)
def test_what_is_no_request_is_put_aside_with_the_reason(run_dir, mailbox, content, reason, caplog):
    drop(run_dir, content)
    made = post(run_dir, {"word": "pause"})

    assert [r.id for r in mailbox.poll()] == [made]
    refused = run_dir / "control" / "refused"
    assert sorted(p.name for p in refused.iterdir()) == [
        "00000000000000000001-x.request.json",
        "00000000000000000001-x.request.json.reason.txt",
    ]
    assert reason in next(refused.glob("*.txt")).read_text()
    assert "is no request" in caplog.text


def test_links_pipes_and_folders_are_no_requests(run_dir, mailbox, tmp_path, caplog):
    control = run_dir / "control"
    (tmp_path / "elsewhere.json").write_text(json.dumps(GOOD))
    (control / "00000000000000000001-x.request.json").symlink_to(tmp_path / "elsewhere.json")
    os.mkfifo(control / "00000000000000000002-x.request.json")
    (control / "00000000000000000003-x.request.json").mkdir()

    assert mailbox.poll() == []

    assert len(list((control / "refused").glob("*.reason.txt"))) == 3
    assert (tmp_path / "elsewhere.json").exists()


def test_somebody_elses_file_is_no_request(run_dir, mailbox, monkeypatch, caplog):
    drop(run_dir, GOOD)
    monkeypatch.setattr(os, "getuid", lambda: 12345)

    assert mailbox.poll() == []

    assert "belongs to somebody else" in next((run_dir / "control" / "refused").glob("*.txt")).read_text()


def test_what_cannot_be_put_aside_is_complained_of_once(run_dir, mailbox, caplog):
    drop(run_dir, b"{")
    (run_dir / "control" / "refused").write_text("in the way")

    assert mailbox.poll() == []
    assert mailbox.poll() == []
    assert caplog.text.count("is no request") == 1


def test_files_that_are_none_of_the_mailboxs_are_left_alone(run_dir, mailbox):
    for name in ("notes.txt", ".tmp-1-x.request.json", "1-x.request.json"):
        drop(run_dir, b"{", name)

    assert mailbox.poll() == []
    assert len(list((run_dir / "control").iterdir())) == 3


def test_a_directory_that_was_removed_is_an_empty_mailbox(run_dir, mailbox):
    made = post(run_dir, {"word": "pause"})
    (request,) = mailbox.poll()
    for file in (run_dir / "control").iterdir():
        file.unlink()
    (run_dir / "control").rmdir()

    assert mailbox.poll() == []
    mailbox.answer(request, ok=True, message="")
    assert wait_answer(run_dir, made, 0) is None


def test_a_request_that_is_refused_or_fails_is_answered_too(run_dir, mailbox, caplog):
    errors = iter([InvalidStateError("The session has ended."), ZeroDivisionError("oh")])

    def carry_out(request):
        raise next(errors)

    first, second = post(run_dir, {"word": "pause"}), post(run_dir, {"word": "pause"})
    mailbox.carry_out(carry_out)

    answers = [wait_answer(run_dir, made, 0) for made in (first, second)]
    assert answers == [
        Answer(ok=False, message="The session has ended."),
        Answer(ok=False, message="ZeroDivisionError: oh"),
    ]


def test_an_answer_may_come_later(run_dir, mailbox):
    got = []
    made = post(run_dir, {"word": "approve"})
    mailbox.carry_out(got.append)

    assert wait_answer(run_dir, made, 0) is None
    mailbox.answer(got[0], ok=True, message="at last")
    assert wait_answer(run_dir, made, DEADLINE_S) == Answer(ok=True, message="at last")


def test_answers_that_nobody_fetched_are_tidied_away(run_dir, mailbox):
    for name in ("old", "new"):
        drop(run_dir, {"ok": True, "message": ""}, f"{name}.answer.json")
    os.utime(run_dir / "control" / "old.answer.json", (1, 1))

    mailbox.tidy()

    assert [p.name for p in (run_dir / "control").iterdir()] == ["new.answer.json"]


ASK = """
import sys
from milo_nb.persist.mailbox import post, wait_answer
made = [post(sys.argv[1], {"word": "pause", "by": "terminal"}) for _ in range(20)]
print(*[wait_answer(sys.argv[1], m, 30).message for m in made])
"""


def test_other_processes_ask_and_the_owner_answers_each_exactly_once(run_dir, mailbox):
    seen = []

    def carry_out(request):
        seen.append(request.id)
        return Answer(ok=True, message=str(len(seen)))

    askers = [
        subprocess.Popen([sys.executable, "-c", ASK, str(run_dir)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    while any(asker.poll() is None for asker in askers):
        mailbox.carry_out(carry_out)
    said = [asker.communicate()[0].split() for asker in askers]

    assert sorted(int(n) for words in said for n in words) == list(range(1, 61))
    assert len(set(seen)) == 60
