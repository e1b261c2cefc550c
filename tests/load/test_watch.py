"""Looks at a load, from reads as a server would have sent them."""

import pytest

from tests.records import MS, S
from thorexp.load.exchange import Exchange
from thorexp.load.watch import LoadState, Onlooker

TOKEN = b'data: {"id":"cmpl-1","choices":[{"index":0,"text":" a"}]}\n\n'
END = b'data: {"id":"cmpl-1","choices":[],"usage":{"completion_tokens":3}}\n\ndata: [DONE]\n\n'


class Request:
    """One that a test plays: sent at 0, a token when told, ended when told."""

    def __init__(self) -> None:
        self.exchange = Exchange(0, b"", 0)

    def send(self) -> None:
        self.exchange.sent_ns = 0

    def read(self, at_ns: int, data: bytes = TOKEN) -> None:
        self.exchange.reads.append((at_ns, data))

    def end(self, error: str | None = None) -> None:
        self.exchange.error = error
        self.exchange.ended_ns = 0

    def play(self, *token_ns: int) -> None:
        """From its first moment to its last."""
        self.send()
        for at_ns in token_ns:
            self.read(at_ns)
        self.read(token_ns[-1], END)
        self.end()


def an_onlooker(*requests: Request) -> Onlooker:
    """At a load that began at 0."""
    return Onlooker([request.exchange for request in requests], len(requests), 0)


def test_a_load_that_has_just_begun_has_no_figures() -> None:
    """Nothing is known before a token came: the rate is absent and not 0."""
    sent, waiting = Request(), Request()
    sent.send()
    assert LoadState(0, 0, 2, None, None, None) == an_onlooker(sent, waiting).look(S)


def test_the_rate_is_of_the_tokens_since_the_last_look() -> None:
    """Three tokens in two seconds, then one in half a second, then none."""
    request = Request()
    onlooker = an_onlooker(request)
    request.send()
    for at_ns in (1, 2, 3):
        request.read(at_ns)
    rates = [onlooker.look(2 * S).tokens_per_s]
    request.read(4)
    rates += [onlooker.look(2 * S + S // 2).tokens_per_s, onlooker.look(3 * S).tokens_per_s]
    assert [3 / 2, 1 / 0.5, 0.0] == rates


def test_tokens_are_counted_however_they_were_read() -> None:
    """Two in one read and one in three are three; usage and [DONE] are none."""
    request = Request()
    request.send()
    for data in (TOKEN + TOKEN, TOKEN[:4], TOKEN[4:30], TOKEN[30:], END):
        request.read(1, data)
    assert 3.0 == an_onlooker(request).look(S).tokens_per_s


def test_latencies_are_means_over_what_has_just_ended() -> None:
    """TTFT of 100 and 300 ms; 10 ms apart in the one and 30 in the other; what is in flight does not count."""
    first, second, third = Request(), Request(), Request()
    onlooker = an_onlooker(first, second, third)
    first.play(100 * MS, 110 * MS, 120 * MS)
    second.play(300 * MS, 330 * MS, 360 * MS)
    third.send()
    third.read(900 * MS)
    state = onlooker.look(S)
    assert ((100 + 300) / 2, (10 + 30) / 2) == (state.ttft_ms, state.tpot_ms)


def test_latencies_stay_until_another_request_ends() -> None:
    """A look that sees none end repeats the last ones; the next that does has only the new."""
    first, second = Request(), Request()
    onlooker = an_onlooker(first, second)
    first.play(100 * MS, 110 * MS)
    states = [onlooker.look(S), onlooker.look(2 * S)]
    second.play(500 * MS, 550 * MS)
    states.append(onlooker.look(3 * S))
    assert [(100, 10), (100, 10), (500, 50)] == [(state.ttft_ms, state.tpot_ms) for state in states]


def test_a_single_token_has_no_tpot() -> None:
    """There is no later token to spread a time over."""
    request = Request()
    request.play(100 * MS)
    state = an_onlooker(request).look(S)
    assert (100, None) == (state.ttft_ms, state.tpot_ms)


def test_what_failed_is_done_and_gives_no_latency() -> None:
    """Refused before a byte, broken off in the middle, ended without a byte: three of four are failures."""
    refused, broken, silent, well = Request(), Request(), Request(), Request()
    refused.send()
    refused.end("HTTP 400 Bad Request")
    broken.send()
    broken.read(100 * MS)
    broken.end("ClientPayloadError")
    silent.send()
    silent.end()
    well.play(700 * MS, 707 * MS)
    assert LoadState(4, 3, 4, 3.0, 700.0, 7.0) == an_onlooker(refused, broken, silent, well).look(S)


def test_each_request_ends_once() -> None:
    """Looks add up: one, none, the two others; and no look counts what an earlier one has."""
    requests = [Request() for _ in range(3)]
    onlooker = an_onlooker(*requests)
    requests[1].play(1)
    requests[0].send()
    seen = [onlooker.look(S).done, onlooker.look(2 * S).done]
    requests[0].play(2)
    requests[2].play(3)
    seen += [onlooker.look(3 * S).done, onlooker.look(4 * S).done]
    assert [1, 1, 3, 3] == seen


def test_what_was_given_up_before_it_was_sent_is_a_failure() -> None:
    """The end of a load that a death cut short has no request left."""
    requests = [Request() for _ in range(5)]
    for request in requests:
        request.end("given up: the server had ended")
    state = an_onlooker(*requests).look(S)
    assert (5, 5, 5) == (state.done, state.failed, state.total)


@pytest.mark.parametrize("looks", [1, 2])
def test_two_looks_at_one_moment_divide_by_nothing(looks: int) -> None:
    """A rate over no time is absent."""
    request = Request()
    request.play(1, 2)
    onlooker = an_onlooker(request)
    assert [None] * looks == [onlooker.look(0).tokens_per_s for _ in range(looks)]


def test_what_begins_later_is_seen_when_it_has_begun() -> None:
    """The list grows while it is looked at; how many there will be is known from the start."""
    begun: list[Exchange] = []
    onlooker = Onlooker(begun, 3, 0)
    seen = [onlooker.look(S)]
    for _ in range(2):
        request = Request()
        request.play(1)
        begun.append(request.exchange)
        seen.append(onlooker.look(S))
    assert [(0, 3), (1, 3), (2, 3)] == [(state.done, state.total) for state in seen]


def test_the_last_look_says_that_it_is_over() -> None:
    """Though not all may be done: what was never sent of a timed loop is not."""
    request = Request()
    request.play(1)
    onlooker = Onlooker([request.exchange], 2, 0)
    states = [onlooker.look(S), onlooker.look(2 * S, over=True)]
    assert [(1, 2, False), (1, 2, True)] == [(state.done, state.total, state.over) for state in states]


def test_an_answer_in_one_piece_has_no_rate() -> None:
    """Its tokens did not come as messages; when it came is all that is seen."""
    request = Request()
    request.send()
    request.read(100 * MS, b'{"choices":[{"text":" a"}]}')
    request.end()
    assert LoadState(1, 0, 1, None, 100.0, None) == an_onlooker(request).look(S)
