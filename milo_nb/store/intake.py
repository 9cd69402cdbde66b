"""The intake of actions: stamps them, collects them into batches, and gives them to the sagas that wait for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.state.actions import Action, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.state.effects import Take
    from milo_nb.store.task import Task


class Intake:
    """Takes actions, all under the loop's baton.

    Attributes:
        batch: What was put and not handed over yet.
        immediate: Hand over each action at once; for reducers that cannot take batches, and for middleware.
        through: The middleware, if there is any; ends in :meth:`accept`.
    """

    def __init__(
        self,
        commit: Callable[[list[Action], bool], BaseException | None],
        answer: Callable[[Task, object, Action], None],
        now: Callable[[], float],
    ) -> None:
        """Make an intake.

        Args:
            commit: Takes a batch, to be reduced now or before the state is read; returns an error instead of raising.
            answer: Gives a task the action that it waits for.
            now: Seconds on the session's clock.
        """
        self._commit = commit
        self._answer = answer
        self._now = now
        self._last = 0.0
        self._takers: list[tuple[Task, Take, object]] = []
        self.batch: list[Action] = []
        self.immediate = False
        self.through: Callable[[Action], object] | None = None

    def put(self, action: Action) -> None:
        """Take an action, through the middleware if there is any.

        Raises:
            Exception: What the reducer or middleware raised, if actions are handed over at once.
        """
        if self.through is not None:
            self.through(action)
        else:
            self.accept(action)

    def accept(self, action: Action) -> None:
        """Take an action that has passed the middleware."""
        self.stamp(action)
        if self.immediate:
            error = self.flush(now=True)
            if error is not None:
                raise error

    def recall(self, action: Action) -> None:
        """Take an action of the past, which no middleware sees: it keeps its time, as far as the order of time lets it."""
        at = max(min(action.timestamp, self._now()), self._last)
        self._last = at
        self.batch.append(action if at == action.timestamp else Action(action.type, action.payload, at))

    def stamp(self, action: Action) -> None:
        """Set the time of an action, never before that of the last one, and add it to the batch."""
        now = self._now()
        if now > self._last:
            self._last = now
        else:
            now = self._last
        if action.timestamp:  # it was dispatched before, here or elsewhere: it stays as it is there
            action = Action(action.type, action.payload, now)
        else:
            stamp(action, now)
        self.batch.append(action)

    def flush(self, *, now: bool = False) -> BaseException | None:
        """Hand over the batch; with `now` it is reduced when this returns. Return what the reducer raised."""
        batch = self.batch
        if not batch:
            return None
        self.batch = []
        error = self._commit(batch, now)
        if self._takers:
            self._offer(batch)
        return error

    def expect(self, task: Task, take: Take, token: object) -> None:
        """Have `task` given the next action that `take` asks for."""
        self._takers.append((task, take, token))

    def _offer(self, batch: list[Action]) -> None:
        for action in batch:
            for entry in tuple(self._takers):
                task, take, token = entry
                if task.token is not token:
                    self._takers.remove(entry)
                elif _fits(take.pattern, action):
                    self._takers.remove(entry)
                    self._answer(task, token, action)


def _fits(pattern: Any, action: Action) -> bool:
    return bool(pattern(action)) if callable(pattern) else pattern in (action.type, "*")
