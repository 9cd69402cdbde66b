"""Searching logs: found is what a look at every line would find, and nothing that is looked for holds the kernel."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.errors import SearchError
from milo_nb.persist import logchild, logsearch
from milo_nb.persist.logchild import LogSearch, Piece, Query
from milo_nb.persist.logfile import LogFile
from milo_nb.persist.logreader import LogReader
from milo_nb.persist.logsearch import Matcher, Searcher
from tests.persist.test_logfile import block
from tests.strategies import DEADLINE_S, wait_until

FILLING = "zz\n" * 300
"""Lines among which few match: these are found in another way."""
PATTERNS = (
    "", "a", "ab", "a|b", "ab|ba", "(ab)+", "(ab)*", "a+b", "a.b", "^a", "a$", r"\Aa", r"b\Z", "(?i)AB", "(?i:a)b", "(?s)a.b",
    r"\bab\b", "(?!a)b", "(?<!a)b", "(?=ab)a", r"a\s*b", "[^a]b", "ab{2,3}", "(a|ab|abb)a", "a(?P<x>b)(?P=x)", "i", "I",
    "\u017f", "s", "\u212a", "k", "\u00df", "\u1e9e", "\u0131", "\u0130", "\u03c3", "\u03a3", "\u00e4", "(?x) a b", "(?>ab)a", "a++b", "(a)?b(?(1)a|b)", "ab|",
)  # fmt: skip
LINES = st.lists(
    st.text(
        st.sampled_from("abABisIS\u017fkK\u212a\u00df\u1e9e\u0131\u0130\u03c3\u03c2\u03a3\u00e4\u00c4 x\t"), max_size=6
    ),
    max_size=12,
)
ALWAYS = lambda: True  # noqa: E731 - an answer


@pytest.fixture
def search():
    made = LogSearch()
    yield made
    made.close()


def numbers(found):
    return [n for part in found for n in part.numbers]


def texts(*lines, first=0):
    text = "".join(f"{line}\n" for line in lines).encode()
    return [Piece(None, 0, len(text), first, first + len(lines), text)]


def in_files(tmp_path, *lines, size=1 << 18):
    file = LogFile(tmp_path, "load")
    file.append([block(*lines)], 1)
    file.close()
    return [Piece(*run[:5]) for run in LogReader(tmp_path, "load").stretches(0, size)]


# ---------------------------------------------------------------------- what matches


@given(st.sampled_from(PATTERNS), st.booleans(), LINES)
def test_a_regular_expression_finds_the_lines_that_it_finds_one_by_one(pattern, case, lines):
    search = re.compile(pattern, 0 if case else re.IGNORECASE).search
    expected = [i for i, line in enumerate(lines) if search(line)]
    matcher = Matcher(pattern, regex=True, case=case)
    assert matcher.find("".join(f"{line}\n" for line in lines)) == expected
    if not search("zz"):
        found = matcher.find("".join(f"{line}\n" for line in lines) + FILLING)
        assert found == expected
        assert matcher.find(FILLING + "".join(f"{line}\n" for line in lines)) == [300 + i for i in expected]


@given(st.text(st.sampled_from("abAB.*ß ä"), min_size=1, max_size=3), LINES)
def test_a_text_is_found_as_it_is(text, lines):
    expected = [i for i, line in enumerate(lines) if text in line]
    matcher = Matcher(text, regex=False, case=True)
    assert matcher.find("".join(f"{line}\n" for line in lines)) == expected
    assert matcher.find(FILLING + "".join(f"{line}\n" for line in lines)) == [300 + i for i in expected]
    assert Matcher("a\nb", regex=False, case=True).find("a\nb\n" + FILLING) == []


@pytest.mark.parametrize(
    ("text", "line"), [("ERROR", "an error"), ("straße", "STRASSE"), ("ÄPFEL", "äpfel"), ("kelvin", "\u212aelvin")]
)
def test_without_case_small_letters_are_as_good_as_capitals(text, line):
    assert Matcher(text, regex=False, case=False).find(f"x\n{line}\n") == [1]


def test_no_match_goes_over_lines():
    for pattern in (r"a\s+b", r"a[^x]b", r"(?s)a.b", "a\nb"):
        assert Matcher(pattern, regex=True, case=True).find("a\nb\n") == []


def test_what_matches_is_the_text_as_people_see_it():
    coloured = "\x1b[1;31mer\x1b[0mror\x1b]8;;http://x\x07link\x1b]8;;\x07\n\x1b]0;title\nplain\n"
    assert Matcher("errorlink", regex=False, case=True).find(coloured) == [0]
    assert Matcher(r"^error.*link$", regex=True, case=True).find(coloured) == [0]
    assert Matcher("31m", regex=False, case=True).find(coloured) == []
    assert Matcher("plain", regex=False, case=True).find(coloured) == [2]


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("error: (timeout|refused)", ("error: ",)),
        ("(timeout|refused) x", ("timeout", "refused")),
        ("a?b*", ()),
        (r"\d+ seconds", (" seconds",)),
        ("(?i:error)", ()),
        ("(?:abc)+d", ("abc",)),
        ("(?:abc)*d", ("d",)),
    ],
)
def test_most_text_is_passed_over_by_what_every_match_must_have(pattern, needed):
    assert sorted(logsearch._needles(pattern, 0)) == sorted(needed)


def test_without_that_every_line_is_looked_at(monkeypatch):
    monkeypatch.setattr(re, "_parser", None)
    assert logsearch._needles("error", 0) == ()
    assert Matcher("e+rror", regex=True, case=True).find("x\nan error\n") == [1]


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("stretch", [1, 5_000, 1 << 20])
def test_lines_are_numbered_alike_however_they_are_cut_for_the_search(search, tmp_path, monkeypatch, stretch):
    monkeypatch.setattr(logchild, "BATCH_PIECES", 7)
    monkeypatch.setattr(logchild, "FIRST_BYTES", 500)
    pieces = in_files(tmp_path, *(f"line {i}" for i in range(20_000)), size=stretch)
    assert numbers(search.search(Query("99$", regex=True, case=True), pieces, ALWAYS)) == list(range(99, 20_000, 100))


def test_long_texts_are_searched_in_blocks_and_a_line_may_be_longer_than_one(tmp_path, monkeypatch):
    monkeypatch.setattr(logsearch, "BLOCK_BYTES", 64)
    monkeypatch.setattr(logsearch, "WINDOW_BYTES", 16)
    path = tmp_path / "x.log"
    path.write_text("short\n" * 50 + "x" * 500 + " end\n" + "end\n" * 3)
    searcher = Searcher()
    searcher.answer({"text": "end", "regex": False, "case": True}, b"")
    piece = logsearch.PIECE.pack(0, 0, path.stat().st_size, 1_000)
    head, found = searcher.answer({"paths": [str(path)], "pieces": 1}, piece)
    assert head == {"damaged": False}
    assert list(memoryview(found).cast("I")) == [1_050, 1_051, 1_052, 1_053]


def test_many_files_are_searched_with_few_of_them_open(search, tmp_path):
    pieces = []
    for i in range(3 * logsearch.MOST_OPEN):
        path = tmp_path / f"{i}.log"
        path.write_text("one\ntwo\n")
        pieces.append(Piece(path, 0, 4, 2 * i, 2 * i + 1))
        pieces.append(Piece(path, 4, 8, 2 * i + 1, 2 * i + 2))
    found = numbers(search.search(Query("two", regex=False, case=True), pieces + pieces[1::2], ALWAYS))
    assert found == [*range(1, 2 * len(pieces) // 2, 2)] * 2


@pytest.mark.parametrize("harm", ["removed", "cut", "a pipe", "replaced"])
def test_a_file_that_is_not_what_it_was_is_said_and_the_rest_is_searched(search, tmp_path, harm):
    pieces = in_files(tmp_path, *(f"line {i}" for i in range(100)))
    path = pieces[0].path
    if harm == "cut":
        os.truncate(path, 20)
    else:
        path.unlink()
    if harm == "a pipe":
        os.mkfifo(path)
    elif harm == "replaced":
        path.write_text("line x")
    found = list(search.search(Query("line", regex=False, case=True), [*pieces, *texts("line", first=100)], ALWAYS))
    assert any(part.is_damaged for part in found)
    assert 100 in numbers(found)


# ---------------------------------------------------------------------- the process


def test_one_process_serves_one_search_after_the_other(search):
    assert search.pids == ()
    assert numbers(search.search(Query("b", regex=False, case=True), texts("a", "b", first=7), ALWAYS)) == [8]
    pid = search.pids[0]
    assert numbers(search.search(Query("a", regex=True, case=True), texts("a", "b"), ALWAYS)) == [0]
    assert search.pids == (pid,)
    search.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a", "This is no regular expression: missing ), unterminated subpattern at character 1."),
        ("ab[c", "This is no regular expression: unterminated character set at character 3."),
        ("*a", "This is no regular expression: nothing to repeat at character 1."),
        ("a{99999999999999}", "This is no regular expression: it is too large or too deep."),
        ("(?P<a>x)(?P<a>y)", "redefinition of group name 'a'"),
    ],
)
def test_a_wrong_regular_expression_is_refused_with_the_place_and_the_reason(search, pattern, says):
    with pytest.raises(SearchError, match=re.escape(says)):
        list(search.search(Query(pattern, regex=True, case=True), texts("a"), ALWAYS))
    assert numbers(search.search(Query("a", regex=True, case=True), texts("a"), ALWAYS)) == [0]


def test_a_regular_expression_that_never_ends_is_ended_and_the_next_search_goes_on(search, monkeypatch):
    monkeypatch.setattr(logchild, "BATCH_S", 0.2)
    with pytest.raises(SearchError, match=r"takes too long and was stopped\. A regular expression with repeats"):
        list(search.search(Query("(a+)+$", regex=True, case=True), texts("a" * 60 + "!"), ALWAYS))
    assert search.pids == ()
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]


def test_meanwhile_the_kernel_s_own_threads_go_on(search, monkeypatch):
    monkeypatch.setattr(logchild, "BATCH_S", 0.3)
    stopped = threading.Event()

    def run():
        with pytest.raises(SearchError):
            list(search.search(Query("(a+)+$", regex=True, case=True), texts("a" * 60 + "!"), ALWAYS))
        stopped.set()

    thread = threading.Thread(target=run)
    thread.start()
    turns = 0
    while not stopped.wait(0.001):
        turns += 1
    thread.join(DEADLINE_S)
    assert turns > 20  # a search in this process would have let this thread go on not once


def test_a_process_whose_search_nobody_wants_any_more_is_ended_if_it_does_not_stop(search):
    looks = []

    def pieces():
        yield texts("a" * 60 + "!")[0]
        looks.append("all is sent")

    def is_wanted():
        if looks:
            looks.append("at its work")
        return len(looks) < 4

    assert list(search.search(Query("(a+)+$", regex=True, case=True), pieces(), is_wanted)) == []
    assert search.pids == ()


def test_a_search_that_nobody_wants_any_more_asks_for_nothing_more(search, monkeypatch):
    monkeypatch.setattr(logchild, "FIRST_BYTES", 1)
    monkeypatch.setattr(logchild, "BATCH_BYTES", 1)
    asked = []

    def pieces():
        for i in range(1_000):
            asked.append(i)
            yield texts("a", first=i)[0]

    is_wanted = [True]
    found = search.search(Query("a", regex=False, case=True), pieces(), lambda: is_wanted[0])
    assert list(next(found).numbers) == [0]
    pid = search.pids[0]
    is_wanted[0] = False
    assert list(found) == []
    assert len(asked) <= 2 + logchild.AHEAD
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]
    assert search.pids == (pid,)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_several_processes_find_lines_in_order(tmp_path, monkeypatch, processes):
    monkeypatch.setattr(logchild, "FIRST_BYTES", 100)
    monkeypatch.setattr(logchild, "BATCH_BYTES", 2_000)
    search = LogSearch(processes=processes)
    pieces = in_files(tmp_path, *(f"line {i}" for i in range(20_000)), size=500)
    for _ in range(2):
        assert numbers(search.search(Query("7$", regex=True, case=True), pieces, ALWAYS)) == list(range(7, 20_000, 10))
    assert len(search.pids) == processes
    is_first = iter([True] * 9)
    numbers(search.search(Query("7$", regex=True, case=True), pieces, lambda: next(is_first, False)))
    assert numbers(search.search(Query("^line 5$", regex=True, case=True), pieces, ALWAYS)) == [5]
    search.close()


def test_one_process_is_enough_if_there_can_be_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(logchild, "FIRST_BYTES", 100)
    monkeypatch.setattr(logchild, "BATCH_BYTES", 2_000)
    search = LogSearch(processes=2)
    assert numbers(search.search(Query("a", regex=True, case=True), texts("a"), ALWAYS)) == [0]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    pieces = in_files(tmp_path, *(f"line {i}" for i in range(2_000)), size=500)
    assert numbers(search.search(Query("7$", regex=True, case=True), pieces, ALWAYS)) == list(range(7, 2_000, 10))
    assert len(search.pids) == 1
    search.close()


def test_a_process_that_is_gone_is_replaced(search):
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]
    before = psutil.Process(search.pids[0])
    before.kill()
    wait_until(lambda: not before.is_running())
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]
    assert before.pid not in search.pids


def test_a_process_that_dies_in_the_middle_is_said(search):
    def pieces():
        yield texts("a")[0]
        os.kill(search.pids[0], signal.SIGKILL)
        yield texts("a" * 5_000_000)[0]
        yield texts("a" * 5_000_000)[0]

    with pytest.raises(SearchError, match="ended unexpectedly"):
        list(search.search(Query("a", regex=False, case=True), pieces(), ALWAYS))
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]


def test_a_process_that_nobody_asks_ends_itself():
    search = LogSearch(idle_s=0.2)
    list(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS))
    pid = search.pids[0]
    wait_until(lambda: not psutil.pid_exists(pid))  # and is waited for: nothing is left of it
    assert numbers(search.search(Query("a", regex=False, case=True), texts("a"), ALWAYS)) == [0]
    search.close()


KERNEL = """
import os, signal, sys
from milo_nb.persist.logchild import SEARCH, Piece, Query
text = b"a\\n"
list(SEARCH.search(Query("a", False, True), [Piece(None, 0, 2, 0, 1, text)], lambda: True))
print(SEARCH.pids[0], os.getsid(SEARCH.pids[0]) == os.getsid(0), flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_the_kernel_and_no_interrupt_reaches_it(end):
    code = KERNEL.format(end=end)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    pid, shares = ran.stdout.split()
    assert shares == "False"
    wait_until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
    assert ran.stderr == ""


def test_without_a_process_texts_are_searched_here_and_regular_expressions_are_refused(search, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert numbers(search.search(Query("B", regex=False, case=False), texts("a", "b"), ALWAYS)) == [1]
    assert list(search.search(Query("b", regex=False, case=True), texts("a", "b"), lambda: False)) == []
    with pytest.raises(SearchError, match="Regular expressions need a process of their own, and none can be started"):
        list(search.search(Query("b", regex=True, case=True), texts("b"), ALWAYS))


def test_a_program_that_is_no_python_counts_as_none(search, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")
    assert numbers(search.search(Query("b", regex=False, case=True), texts("a", "b"), ALWAYS)) == [1]


def test_the_program_ends_where_its_input_ends():
    requests = io.BytesIO(
        logsearch.pack_message({"id": 1, "limit_s": 60, "text": "a", "regex": True, "case": True}) + b"torn"
    )
    replies = io.BytesIO()
    logsearch.serve(requests, replies)
    replies.seek(0)
    assert logsearch.read_message(replies) == ({"id": 1, "error": "", "position": -1}, b"")
    assert logsearch.read_message(replies) is None


def test_the_program_needs_nothing_of_ours():
    code = "import sys; import runpy; runpy.run_path(sys.argv[1], run_name='x'); print([m for m in sys.modules if 'milo' in m])"
    ran = [sys.executable, "-I", "-S", "-c", code, logsearch.__file__]
    assert subprocess.run(ran, capture_output=True, text=True, check=True, timeout=60).stdout == "[]\n"
