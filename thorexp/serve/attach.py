"""A server that somebody else runs, and keeps."""

from dataclasses import dataclass
from pathlib import Path

from thorexp.errors import StartError
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_text
from thorexp.serve.server import Endpoint, Server, wait_ready


@dataclass(frozen=True, slots=True)
class Attached:
    """A Server whose life is not ours: it is never stopped, and requests tell when it is gone."""

    endpoint: Endpoint
    log: Path | None = None

    def check_alive(self) -> None:
        """Say nothing: to ask it while a load is played would be load."""

    def stop(self) -> None:
        """Leave it to its owner."""


def attach(base_url: str, probe_len: int, headers: Headers = NO_HEADERS) -> Server:
    """The server at that URL (with or without /v1); StartError when it does not answer now."""
    url = base_url.rstrip("/").removesuffix("/v1")

    def still_there() -> None:
        try:
            get_text(f"{url}/health")
        except HttpError as absent:
            raise StartError(
                "No server answers there.",
                ("where", f"server.base_url={base_url}"),
                ("says", str(absent)),
                ("try", "start it first, or server=vllm to have it started"),
            ) from None

    still_there()
    return Attached(wait_ready(url, 30.0, still_there, probe_len, headers))
