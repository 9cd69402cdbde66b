"""The ways into a busy kernel, with stand-ins for the parts of ipykernel that are touched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from milo_nb.show.notebook import lanes


class Comms:
    def __init__(self) -> None:
        self.delivered: list[Any] = []

    def comm_msg(self, stream: object, identity: object, message: Any) -> str:
        self.delivered.append(message["content"]["comm_id"])
        return "delivered"


@pytest.fixture
def kernel() -> Any:
    return SimpleNamespace(control_handlers={}, comm_manager=Comms())


def message(comm_id: object) -> dict[str, Any]:
    return {"content": {"comm_id": comm_id, "data": {}}}


def test_a_comm_leaves_the_choice_of_the_shell_to_the_browser() -> None:
    comm = SimpleNamespace(_reply_subshell_for=lambda data, default: "main")
    assert lanes.free_comm(comm)
    assert comm._reply_subshell_for({}, "subshell-1") == "subshell-1"


@pytest.mark.parametrize("comm", [None, SimpleNamespace(), SimpleNamespace(_reply_subshell_for=3)])
def test_a_comm_without_that_choice_is_left_alone(comm: object) -> None:
    assert not lanes.free_comm(comm)


def test_our_messages_are_served_on_the_control_channel_and_no_others(kernel: Any) -> None:
    assert lanes.open_control_lane(kernel, "ours")
    handle = kernel.control_handlers["comm_msg"]
    assert handle(None, None, message("ours")) == "delivered"
    for other in (message("other"), message(None), {"content": 3}, {}, None):
        assert handle(None, None, other) is None
    lanes.close_control_lane("ours")
    assert handle(None, None, message("ours")) is None
    assert kernel.comm_manager.delivered == ["ours"]


@pytest.mark.parametrize("comm_id", [["a"], {}, None, 1])
def test_a_message_for_what_is_no_comm_is_passed_over(kernel: Any, comm_id: object) -> None:
    assert lanes.open_control_lane(kernel, "ours")
    handle = kernel.control_handlers[lanes.MESSAGE]
    for message in ({"content": {"comm_id": comm_id}}, {"content": comm_id}, comm_id):
        assert handle(None, None, message) is None


def test_a_handler_that_is_there_already_stays(kernel: Any) -> None:
    kernel.control_handlers["comm_msg"] = "another's"
    assert lanes.open_control_lane(kernel, "ours")
    assert kernel.control_handlers == {"comm_msg": "another's"}
    lanes.close_control_lane("ours")


@pytest.mark.parametrize(
    "kernel",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(control_handlers={}),
        SimpleNamespace(control_handlers=3, comm_manager=Comms()),
    ],
)
def test_a_kernel_without_such_a_channel_is_left_alone(kernel: object) -> None:
    assert not lanes.open_control_lane(kernel, "ours")


def test_a_widget_without_a_comm_has_no_lane(kernel: Any) -> None:
    assert not lanes.open_control_lane(kernel, "")
