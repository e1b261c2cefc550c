"""Whether a server that left requests unanswered is still there: a process that lives, and an engine that answers."""

import time

from thorexp.errors import DeathError
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, post_json
from thorexp.serve.server import PATHS, Api, Server, first_prompt

DEATH_S = 3.0
PROMPT_LEN = 32


def stay_alive(server: Server) -> None:
    """DeathError if the server ends within a moment: an engine dies before its API server notices."""
    deadline = time.monotonic() + DEATH_S
    while time.monotonic() < deadline:
        server.check_alive()
        time.sleep(0.2)


def require_answer(server: Server, api: Api, patience_s: float, headers: Headers = NO_HEADERS) -> None:
    """DeathError if a short prompt has no answer in that time, not even a refusal. The server counts it as any other:
    not for the middle of what is measured.
    """
    url = f"{server.endpoint.base_url}{PATHS[api]}"
    try:
        post_json(url, {"model": server.endpoint.served_model, **first_prompt(api, PROMPT_LEN)}, patience_s, headers)
    except HttpError as failed:
        if failed.status is None:
            raise _silent(server, url, failed.body, patience_s) from None


def _silent(server: Server, url: str, says: str, patience_s: float) -> DeathError:
    log = "" if server.log is None else f"{server.log}; "
    return DeathError(
        f"The server hangs: it did not answer a short prompt within {patience_s:g} s.",
        ("where", url),
        ("says", says),
        ("try", f"{log}the same command again, which starts a server anew if it is one of ours"),
    )
