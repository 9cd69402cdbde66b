"""The standard streams in plain Python: a phase's text to its sink, everything else as it was."""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture.router import CURRENT_SINK, install, installed, is_installed, uninstall
from milo_nb.capture.streams import StreamProxy, standard_name

if TYPE_CHECKING:
    from tests.capture.conftest import Phase


@pytest.mark.usefixtures("capture")
def test_what_a_phase_prints_is_its_own_and_nobody_elses(
    new_phase: type[Phase], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = new_phase(), new_phase()
    one.finish(lambda: print("one"))
    print("cell")
    two.finish(lambda: print("two", file=sys.stderr))
    assert (one.lines(), two.lines("stderr")) == (["one"], ["two"])
    assert capsys.readouterr() == ("cell\n", "")


def test_text_outside_of_phases_passes_through(phase: Phase, capsys: pytest.CaptureFixture[str]) -> None:
    print("before")
    with installed():
        print("during")
        phase.finish(lambda: print("phase"))
        print("during", file=sys.stderr)
    print("after")
    assert capsys.readouterr() == ("before\nduring\nafter\n", "during\n")
    assert phase.lines() == ["phase"]


def test_works_above_pytests_file_descriptors(phase: Phase, capfd: pytest.CaptureFixture[str]) -> None:
    with installed():
        print("cell")
        phase.finish(lambda: print("phase"))
    assert capfd.readouterr().out == "cell\n"
    assert phase.lines() == ["phase"]


def test_installs_count_and_the_last_uninstall_restores_the_streams() -> None:
    streams = sys.stdout, sys.stderr
    install()
    install()
    uninstall()
    assert is_installed()
    assert isinstance(sys.stdout, StreamProxy)
    uninstall()
    assert not is_installed()
    assert (sys.stdout, sys.stderr) == streams


def test_one_uninstall_too_many_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="more often"):
        uninstall()


def test_a_stream_that_a_person_put_in_place_stays(monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
    mine = io.StringIO()
    with installed():
        monkeypatch.setattr(sys, "stdout", mine)
        phase.finish(lambda: print("to mine"))
    assert sys.stdout is mine
    assert mine.getvalue() == "to mine\n"


def test_a_tee_around_our_stream_works_during_and_after(phase: Phase) -> None:
    below = io.StringIO()

    class Tee:
        def __init__(self, stream: io.TextIOBase) -> None:
            self.stream, self.seen = stream, ""

        def write(self, text: str) -> int:
            self.seen += text
            return self.stream.write(text)

    with contextlib.redirect_stdout(below):
        with installed():
            tee = sys.stdout = Tee(sys.stdout)
            phase.finish(lambda: print("phase"))
            print("cell")
        print("after")
        assert sys.stdout is tee
    assert phase.lines() == ["phase"]
    assert below.getvalue() == "cell\nafter\n"
    assert tee.seen == "phase\ncell\nafter\n"


def test_a_proxy_put_back_after_uninstall_only_passes_through_and_is_used_again(phase: Phase) -> None:
    below = io.StringIO()
    with contextlib.redirect_stdout(below):
        with installed():
            redirect = contextlib.redirect_stdout(io.StringIO())
            redirect.__enter__()
        redirect.__exit__(None, None, None)
        stale = sys.stdout
        assert isinstance(stale, StreamProxy)
        phase.run(lambda: print("not captured"))
        with installed():
            assert sys.stdout is stale
            phase.finish(lambda: print("captured"))
        assert sys.stdout is below
    assert below.getvalue() == "not captured\n"
    assert phase.lines() == ["captured"]


def test_a_phase_may_redirect_its_own_output(phase: Phase) -> None:
    buffer = io.StringIO()

    def body() -> None:
        with contextlib.redirect_stdout(buffer):
            print("mine")
        print("log")

    with installed():
        phase.finish(body)
    assert (buffer.getvalue(), phase.lines()) == ("mine\n", ["log"])


def test_the_proxy_has_the_face_of_the_stream_below() -> None:
    below = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="replace", newline="")
    proxy = StreamProxy("stdout", below)
    assert (proxy.encoding, proxy.errors, proxy.newlines) == ("latin-1", "replace", None)
    assert proxy.writable()
    assert not proxy.readable()
    assert not proxy.isatty()
    assert proxy.line_buffering is False
    proxy.reconfigure(line_buffering=True)
    assert below.line_buffering
    proxy.writelines(["a", "é"])
    proxy.flush()
    proxy.buffer.write(b"b")
    proxy.buffer.flush()
    assert below.buffer.getvalue() == b"a\xe9b"
    with pytest.raises(io.UnsupportedOperation):
        proxy.fileno()
    with pytest.raises(io.UnsupportedOperation):
        proxy.detach()
    assert "StreamProxy stdout" in repr(proxy)
    proxy.close()
    assert below.closed
    assert proxy.closed


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_write_that_was_kept_or_wrapped_goes_on_as_before(
    phase: Phase, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    seen: list[str] = []

    def tee(text: str) -> int:  # as IPython sets it for the time of a cell
        seen.append(text)
        return kept(text)

    with installed():
        stream = getattr(sys, name)
        kept = stream.write
        stream.write = tee
        print("cell", file=stream)
        phase.finish(lambda: print("phase", file=stream))
        stream.write = kept
        print("next", file=stream)
    kept("after\n")
    assert "".join(seen) == "cell\n"
    assert "".join(capsys.readouterr()) == "cell\nnext\nafter\n"
    assert phase.lines(name) == ["phase"]


def test_dropping_a_proxy_leaves_the_stream_below_open() -> None:
    below = io.TextIOWrapper(io.BytesIO())
    proxy = StreamProxy("stderr", below)
    proxy.buffer.write(b"x")
    del proxy
    assert not below.closed


def test_without_a_standard_stream_a_phase_is_captured_all_the_same(phase: Phase) -> None:
    with contextlib.redirect_stdout(None), installed():
        print("nowhere")
        phase.finish(lambda: print("log"))
    assert phase.lines() == ["log"]


@pytest.mark.usefixtures("capture")
def test_in_a_phase_the_stream_is_no_terminal_and_cannot_be_closed(phase: Phase) -> None:
    def body() -> None:
        assert not sys.stdout.isatty()
        sys.stdout.close()
        sys.stdout.flush()
        assert sys.stdout.write("four") == 4
        assert sys.stderr.write("four") == 4
        sys.stdout.writelines(["a\n", "b\n"])

    assert phase.finish(body).lines() == ["foura", "b"]


@pytest.mark.usefixtures("capture")
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_only_text_can_be_written(phase: Phase, name: str) -> None:
    def body() -> None:
        with pytest.raises(TypeError, match="str"):
            getattr(sys, name).write(b"bytes")

    assert phase.finish(body).all == []


@pytest.mark.usefixtures("capture")
def test_bytes_written_to_the_buffer_are_shown_as_text(phase: Phase) -> None:
    def body() -> None:
        sys.stdout.buffer.write(b"caf\xc3")
        sys.stdout.buffer.write(memoryview(b"\xa9 \xff\n"))
        sys.stdout.buffer.flush()
        sys.stderr.buffer.write(b"err\n")

    assert phase.finish(body).all == [("stdout", "", "café \ufffd"), ("stderr", "", "err")]


@pytest.mark.usefixtures("capture")
def test_a_traceback_and_carriage_returns_are_lines(phase: Phase) -> None:
    def body() -> None:
        print("10%\r20%\r100%")
        try:
            raise ValueError("seen")  # noqa: TRY301
        except ValueError:
            traceback.print_exc()

    phase.finish(body)
    assert phase.lines() == ["100%"]
    assert phase.lines("stderr")[0] == "Traceback (most recent call last):"
    assert phase.lines("stderr")[-1] == "ValueError: seen"


def test_a_context_told_that_it_is_no_phase_writes_below(phase: Phase, capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        with CURRENT_SINK.as_none():
            print("through")
        print("log")

    with installed():
        phase.finish(body)
    assert capsys.readouterr().out == "through\n"
    assert phase.lines() == ["log"]


@pytest.mark.usefixtures("capture")
def test_standard_streams_are_known_by_name() -> None:
    assert standard_name(sys.stdout) == "stdout"
    assert standard_name(sys.stdout.target) == "stdout"
    assert standard_name(sys.__stderr__) == "stderr"
    assert standard_name(io.StringIO()) is None
    assert standard_name(None) is None


def test_a_stream_that_was_put_in_place_since_is_routed_for_who_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", first)
    with installed():
        sys.stdout = second
        with installed():
            assert sys.stdout is not second
            print("now")
            assert second.getvalue() == "now\n"
        print("later")
    assert sys.stdout is second
    assert (first.getvalue(), second.getvalue()) == ("", "now\nlater\n")
