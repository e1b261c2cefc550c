"""What a running vLLM says of itself on its /metrics page."""

import math
import re
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from thorexp.machine.source import AbsentError, Row

TIMEOUT_S = 2.0
REFUSED = (401, 403, 404)
PERCENT = 100.0
KV_CACHE = "server.kv_cache_percent"
SIGNALS = {
    "vllm:num_requests_running": "server.running",
    "vllm:num_requests_waiting": "server.waiting",
    "vllm:kv_cache_usage_perc": KV_CACHE,
    "vllm:gpu_cache_usage_perc": KV_CACHE,  # its older name
    "vllm:num_preemptions_total": "server.preemptions",
    "vllm:generation_tokens_total": "server.generation_tokens",
}
# A page has more than 500 lines, of which 5 are wanted; to parse them all takes 5 ms.
WANTED = re.compile(rf"^(?:{'|'.join(SIGNALS)})[ {{].*\n?", re.MULTILINE)


class ServerMetrics:
    """The page of one server, asked for over a connection that is kept. `headers`: for a server that wants a key."""

    name = "server"

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = dict(headers)

    def read(self) -> list[Row]:
        """Stamped when the answer began; no row from a page that did not come in time.

        AbsentError where there is no such page, or not for us.
        """
        try:
            ns, status, page = self._page()
        except (OSError, HTTPException):
            self._connection.close()
            return []
        if status in REFUSED:
            raise AbsentError(f"HTTP {status} from {self._connection.host}:{self._connection.port}{self._path}")
        return [(ns, signal, value) for signal, value in server_signals(page).items()] if status == 200 else []

    def _page(self) -> tuple[int, int, str]:
        try:
            return self._asked()
        except ConnectionError:  # the server may close a connection that it was not asked over for long
            self._connection.close()
            return self._asked()

    def _asked(self) -> tuple[int, int, str]:
        self._connection.request("GET", self._path, headers=self._headers)
        response = self._connection.getresponse()
        ns = time.monotonic_ns()
        return ns, response.status, response.read().decode("utf-8", "replace")


def server_signals(page: str) -> dict[str, float]:
    """`server.running`, `.waiting`, `.preemptions`, `.generation_tokens`: summed over engines, the last two from the
    server's start on. `server.kv_cache_percent`: of its blocks in use, in the engine that uses the most of its own.
    Absent where the page does not say.
    """
    said: dict[str, list[float]] = {}
    for sample in _wanted(page):
        if sample.name in SIGNALS and math.isfinite(sample.value):
            said.setdefault(SIGNALS[sample.name], []).append(sample.value)
    found = {signal: PERCENT * max(values) if signal == KV_CACHE else sum(values) for signal, values in said.items()}
    return {signal: value for signal, value in found.items() if math.isfinite(value)}


def _wanted(page: str) -> list[Sample]:
    """None of a page that is cut short within one of them."""
    try:
        families = text_string_to_metric_families("".join(WANTED.findall(page)))
        return [sample for family in families for sample in family.samples]
    except (ValueError, LookupError, TypeError, AttributeError):  # whatever the library makes of it
        return []
