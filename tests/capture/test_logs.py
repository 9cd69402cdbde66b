"""Log records and warnings of a phase: one record each, by Python's own rules."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from milo_nb.capture.logs import to_level
from milo_nb.capture.router import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.capture.conftest import Phase


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of its own tree, so that pytest's handlers have no part in it."""
    logger = logging.Logger("mine")  # noqa: LOG001 - outside of the tree on purpose
    logger.manager = logging.Manager(logging.RootLogger(logging.WARNING))
    yield logger
    for handler in logger.handlers:
        handler.close()


@pytest.mark.usefixtures("capture")
def test_a_record_without_handlers_is_shown_from_warning_on_as_python_does(
    phase: Phase, logger: logging.Logger
) -> None:
    def body() -> None:
        logger.info("not shown")
        logger.warning("shown %d", 1)

    assert phase.finish(body).all == [("log", "WARNING", "shown 1")]


@pytest.mark.parametrize("is_made_before", [True, False])
def test_a_stream_handler_made_before_or_after_gives_one_line_and_writes_none(
    phase: Phase,
    logger: logging.Logger,
    capsys: pytest.CaptureFixture[str],
    is_made_before: bool,
) -> None:
    def add() -> None:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
        logger.addHandler(handler)
        logger.addHandler(logging.StreamHandler())

    if is_made_before:
        add()
    with installed():
        if not is_made_before:
            add()
        phase.finish(lambda: logger.error("boom"))
    assert phase.all == [("log", "ERROR", "ERROR|boom")]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("capture")
def test_the_lines_of_a_logged_exception_belong_to_its_record(phase: Phase, logger: logging.Logger) -> None:
    def body() -> None:
        try:
            raise ValueError("cause")  # noqa: TRY301
        except ValueError:
            logger.exception("failed")

    lines = phase.finish(body).lines("log")
    assert (lines[0], lines[1], lines[-1]) == ("failed", "Traceback (most recent call last):", "ValueError: cause")
    assert [block.level for block in phase.blocks] == ["ERROR"]


@pytest.mark.usefixtures("capture")
def test_other_handlers_run_as_always(phase: Phase, logger: logging.Logger) -> None:
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("file: %(message)s"))
    logger.addHandler(handler)
    phase.finish(lambda: logger.warning("hello"))
    assert file.getvalue() == "file: hello\n"
    assert phase.all == [("log", "WARNING", "hello")]


@pytest.mark.usefixtures("capture")
def test_what_a_handler_prints_is_the_record_and_not_printed_too(phase: Phase, logger: logging.Logger) -> None:
    class Console(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(f"* {record.getMessage()}")

    logger.addHandler(Console())
    phase.finish(lambda: logger.critical("pretty"))
    assert phase.all == [("log", "CRITICAL", "* pretty")]


@pytest.mark.usefixtures("capture")
def test_a_record_made_by_a_handler_is_a_record_too(phase: Phase, logger: logging.Logger) -> None:
    inner = logging.Logger("inner")  # noqa: LOG001 - outside of the tree on purpose

    class Noisy(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            inner.warning("while handling %s", record.getMessage())

    logger.addHandler(Noisy())
    phase.finish(lambda: logger.error("x"))
    assert phase.all == [("log", "WARNING", "while handling x"), ("log", "ERROR", "x")]


@pytest.mark.usefixtures("capture")
@pytest.mark.parametrize("kind", ["level", "filter", "null"])
def test_what_no_handler_would_show_is_not_shown(phase: Phase, logger: logging.Logger, kind: str) -> None:
    handler: logging.Handler = logging.NullHandler() if kind == "null" else logging.StreamHandler(sys.stderr)
    if kind == "level":
        handler.setLevel(logging.ERROR)
    if kind == "filter":
        handler.addFilter(lambda _record: False)
    logger.addHandler(handler)
    phase.finish(lambda: logger.warning("quiet"))
    assert phase.all == []


@pytest.mark.usefixtures("capture")
def test_a_parents_handlers_see_what_propagates_and_only_that(phase: Phase, logger: logging.Logger) -> None:
    logger.addHandler(logging.StreamHandler())
    child = logging.Logger("mine.child")  # noqa: LOG001 - outside of the tree on purpose
    child.parent = logger

    def body() -> None:
        child.warning("up")
        child.propagate = False
        child.info("not up")

    assert phase.finish(body).lines("log") == ["up"]


@pytest.mark.usefixtures("capture")
def test_a_record_that_cannot_be_formatted_is_reported_where_python_reports_it(
    phase: Phase, logger: logging.Logger
) -> None:
    phase.finish(lambda: logger.warning("%d", "no number"))  # noqa: PLE1206, RUF100 - the mistake under test
    assert phase.lines("stderr").count("--- Logging error ---") == 1
    assert phase.lines("log") == ["%d"]


def test_loggers_outside_of_phases_are_untouched(caplog: pytest.LogCaptureFixture, phase: Phase) -> None:
    with installed():
        logging.getLogger("cell").warning("cell's own")
        phase.finish()
    assert caplog.messages == ["cell's own"]
    assert phase.all == []


def test_uninstall_restores_logging_and_warnings() -> None:
    before = logging.Logger.callHandlers, warnings.showwarning
    with installed():
        assert logging.Logger.callHandlers is not before[0]
    assert (logging.Logger.callHandlers, warnings.showwarning) == before


@pytest.mark.usefixtures("capture")
def test_a_warning_is_a_record_with_the_persons_line(phase: Phase) -> None:
    def body() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("careful", stacklevel=1)

    phase.finish(body)
    assert [(block.stream, block.level) for block in phase.blocks] == [("warning", "WARNING")]
    first, second = phase.lines("warning")
    assert first.startswith(__file__)
    assert first.endswith("UserWarning: careful")
    assert "warnings.warn" in second


@pytest.mark.usefixtures("capture")
def test_filters_decide_about_warnings(phase: Phase) -> None:
    def body() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("ignored", stacklevel=1)
            warnings.simplefilter("error")
            with pytest.raises(UserWarning):
                warnings.warn("raised", stacklevel=1)

    assert phase.finish(body).all == []


@pytest.mark.usefixtures("capture")
def test_warnings_that_are_recorded_in_a_phase_go_to_the_recording(phase: Phase) -> None:
    def body() -> None:
        with pytest.warns(UserWarning, match="expected"):
            warnings.warn("expected", stacklevel=1)

    assert phase.finish(body).all == []


def test_warnings_outside_of_phases_are_untouched() -> None:
    with pytest.warns(UserWarning, match="cell"), installed():
        warnings.warn("cell", stacklevel=1)


@pytest.mark.parametrize(
    ("number", "level"), [(5, "DEBUG"), (10, "DEBUG"), (20, "INFO"), (25, "INFO"), (39, "WARNING"), (60, "CRITICAL")]
)
def test_levels_of_a_persons_own_are_the_standard_level_below(number: int, level: str) -> None:
    assert to_level(number) == level
