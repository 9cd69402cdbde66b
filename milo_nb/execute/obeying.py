"""Carrying out commands: the plan is made for the state as it is under the baton, from evidence gathered before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.errors import InvalidStateError, UnknownPhaseError
from milo_nb.execute.evidence import gather
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.commands import Command, Commanded
from milo_nb.state.plan import Evidence, Plan, plan

if TYPE_CHECKING:
    from milo_nb.execute.session import Session


def obey(session: Session, command: Command) -> Plan:
    """Carry out a command and return its plan.

    Raises:
        InvalidStateError: If it does not fit the state; nothing has happened.
        UnknownPhaseError: If it names a phase that is not there.
    """
    for name in (*command.phases, *command.only):
        if name not in session.graph.index:
            raise UnknownPhaseError(name, session.graph.names)
    evidence = gather(session, command)  # looks at the world, so not under the baton
    while True:
        staged = session.disk.skipped.stage(command)
        try:
            with session.store.loop.hold():
                made = _planned(session, command, evidence)
                if session.disk.skipped.accept(command, staged):
                    _carry_out(session, command, made)
                    return made
        except InvalidStateError:
            session.disk.skipped.drop(staged)
            raise
        session.disk.skipped.drop(staged)  # another attempt has begun meanwhile: it is that which is skipped


def _carry_out(session: Session, command: Command, made: Plan) -> None:
    if command.word == "skip":
        session.substitutes.add(command.phases)
    is_continued = command.word == "resume" and (session.was_taken_up or command.by in ("cell", "%milo"))
    session.continued = len(made.keeps) if is_continued else None  # what is asked for later is newer
    if command.word == "approve":
        session.disk.record_edits(command.phases or (session.state.waiting_for,))
    if session.task is None:
        _before_start(session, command)
    else:
        session.results.forget(made.resets)
        session.store.loop.deliver(session.task, Commanded(command, made))


def _planned(session: Session, command: Command, evidence: Evidence) -> Plan:
    if session.is_closed:
        raise InvalidStateError("The session was closed; it takes no more commands. Run again makes a new one.")
    made = plan(command, session.graph, session.state, evidence)
    if made.refused:
        raise InvalidStateError(made.refused)
    return made


def _before_start(session: Session, command: Command) -> None:
    """Carry out a command on a session that has not started: there is no saga to do it."""
    if command.word != "skip":
        raise InvalidStateError("The session has not been started. Possible: start, skip.")
    for name in command.phases:
        session.results[name] = command.value
        payload = {"name": name, "attempt": 1, "reason": f"skipped by {command.by}", "origin": "substitute"}
        session.store.loop.intake.put(Action(a.PHASE_SKIPPED, payload))
