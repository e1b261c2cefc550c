"""A server that somebody else runs, and keeps."""

import logging
from dataclasses import dataclass
from pathlib import Path

from thorexp.errors import StartError
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_text
from thorexp.serve.server import ABSENT, REFUSED, Api, Endpoint, Server, answer_once, endpoint_at

log = logging.getLogger(__name__)

READY_S = 60.0  # for the first prompt: others may be asking too


@dataclass(frozen=True, slots=True)
class Attached:
    """A Server whose life is not ours: it is never stopped, and requests tell when it is gone."""

    endpoint: Endpoint
    log: Path | None = None

    def check_alive(self) -> None:
        """Say nothing: to ask it while a load is played would be load."""

    def stop(self) -> None:
        """Leave it to its owner."""


def attach(base_url: str, api: Api, probe_len: int, headers: Headers = NO_HEADERS, wanted: str | None = None) -> Server:
    """The server at that URL (with or without /v1), asked for the model `wanted` where it serves that one, else for its
    first; StartError when it does not answer now.
    """
    url = root_of(base_url)
    _check_there(url, base_url, headers)
    endpoint = endpoint_at(url, headers, wanted)
    _say_which(endpoint)
    answer_once(endpoint, api, probe_len, READY_S, headers)
    return Attached(endpoint)


def root_of(base_url: str) -> str:
    """Where /health and /v1 are, be the URL given with /v1 or not."""
    return base_url.rstrip("/").removesuffix("/v1").rstrip("/")


def _check_there(url: str, base_url: str, headers: Headers) -> None:
    """Not every server has a /health, and one that wants a key may do so there: /v1/models tells of those."""
    try:
        get_text(f"{url}/health", headers=headers)
    except HttpError as absent:
        if absent.status in (*ABSENT, *REFUSED):
            return
        raise StartError(
            "No server answers there.",
            ("where", f"server.base_url={base_url}"),
            ("says", str(absent)),
            ("try", "start it first, or server=vllm to have it started"),
        ) from None


def _say_which(endpoint: Endpoint) -> None:
    served = [model.id for model in endpoint.said.models] if endpoint.said is not None else []
    if len(served) > 1:
        log.info("of %d models there, %s is asked: %s", len(served), endpoint.served_model, ", ".join(served[:10]))
