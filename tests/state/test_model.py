"""The records of the state: their fields, defaults and how they are replaced."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from milo_nb.state.actions import Action
from milo_nb.state.effects import Call
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState, PipelineViewState, make_phase_status
from milo_nb.state.record import constructor


def first(cls, count):
    return [(f.name, f.default) for f in fields(cls)[:count]]


def test_the_records_begin_with_the_fields_of_the_design():
    assert [f.name for f in fields(PhaseLog)] == ["line", "stream", "timestamp", "level"]
    assert PhaseLog("x") == PhaseLog("x", "stdout", 0.0, "")
    assert first(PhaseStatus, 7)[1:] == [
        ("status", "pending"), ("started_at", 0.0), ("elapsed", 0.0), ("error", ""), ("attempt", 1), ("logs", ()),
    ]  # fmt: skip
    assert first(PipelineState, 7) == [
        ("name", ""), ("phases", ()), ("current_phase", ""), ("started_at", 0.0), ("elapsed", 0.0), ("progress", 0.0),
        ("status", "pending"),
    ]  # fmt: skip
    assert first(PipelineViewState, 6)[1:] == [
        ("selected_phase", 0), ("expanded", False), ("log_scroll", 0), ("auto_follow", True), ("log_height", 10),
    ]  # fmt: skip
    assert Action("X") == Action("X", None, 0.0)


@pytest.mark.parametrize(
    "record", [PhaseLog("x"), PhaseStatus("a"), PipelineState(), PipelineViewState(PipelineState()), Action("X")]
)
def test_the_records_are_frozen_slotted_and_replaceable(record):
    name = fields(record)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(record, name, "other")
    assert not hasattr(record, "__dict__")
    assert getattr(replace(record, **{name: "other"}), name) == "other"


def test_the_cheap_constructor_makes_what_the_class_makes():
    assert make_phase_status("a") == PhaseStatus("a")
    assert make_phase_status("a", "running", attempt=3) == PhaseStatus("a", "running", attempt=3)
    assert make_phase_status("a") != PhaseStatus("b")
    with pytest.raises(TypeError):
        make_phase_status()


def test_the_cheap_constructor_shares_what_a_default_factory_made():
    make = constructor(Call)
    assert make(len) == Call(len)
    assert make(len).kwargs is make(max).kwargs
