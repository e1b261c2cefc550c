"""A conversation being played: each turn is asked behind all that was said before it."""

from collections.abc import Iterator, Sequence
from typing import Any

from thorexp.load.exchange import Exchange
from thorexp.load.target import Target, body, messages
from thorexp.measure.plan import PlannedRequest, Stage

NO_TOKEN_IDS = (
    "not asked: the server gives no token ids of the answer before, to be put before this turn; endpoint=chat puts its "
    "text there"
)


class Talk:
    """Its turns as exchanges, of which the first has a body and the others get theirs when they are asked."""

    def __init__(self, requests: Sequence[PlannedRequest], stage: int, target: Target, ignore_eos: bool) -> None:
        self._requests = requests
        self._target = target
        self._ignore_eos = ignore_eos
        self._history: list[Any] = []
        self.turns = tuple(Exchange(each.index, b"", each.due_ns, stage, target.stream) for each in requests)
        self.turns[0].body = self._body(0)

    def go_on(self, turn: int) -> None:
        """Make the body of a later turn from the answer to the one before; in its error why that cannot be."""
        before, now = self.turns[turn - 1], self.turns[turn]
        answer = before.stream
        if before.error or answer.error or not answer.token_ns:
            now.error = "not asked: the turn before it failed"
        elif self._target.api == "chat":
            said = {"role": "assistant", "content": answer.text}
            self._history += [*messages(self._requests[turn - 1].ask.prompt), said]
            now.body = self._body(turn)
        elif answer.token_ids is None:
            now.error = NO_TOKEN_IDS
        else:
            self._history += [*self._requests[turn - 1].ask.prompt, *answer.token_ids]
            now.body = self._body(turn)

    def _body(self, turn: int) -> bytes:
        last = turn == len(self._requests) - 1
        request = self._requests[turn]
        return body(request, self._target, history=tuple(self._history), ignore_eos=self._ignore_eos, followed=not last)


def talks_of(stage: Stage, number: int, target: Target, ignore_eos: bool) -> Iterator[Talk]:
    """The conversations of a stage, in the order they are due."""
    turns: list[PlannedRequest] = []
    for request in stage.requests:
        if request.follows is None and turns:
            yield Talk(turns, number, target, ignore_eos)
            turns = []
        turns.append(request)
    if turns:
        yield Talk(turns, number, target, ignore_eos)
