"""Small requests to a server, outside the load."""

import pytest

from tests.serve.saying import saying
from thorexp.serve.http import HttpError, get_text


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"SSH-2.0\r\n", b""])
def test_an_answer_cut_short_is_no_answer(answer: bytes) -> None:
    """A server that dies while it answers is an HttpError like one that does not answer."""
    with saying(answer) as url, pytest.raises(HttpError):
        get_text(url)
