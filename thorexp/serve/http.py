"""Small requests to a server, outside the load: no proxy, a time limit each."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

Headers = Mapping[str, str]
NO_HEADERS: Headers = {}


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Goes where a server sends it only as far as that is the same one: a key is for nobody else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Absent for another server: the answer is then what it is, a redirection."""
        there, here = urlsplit(newurl), urlsplit(req.full_url)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _SameServer)


class HttpError(Exception):
    """No answer, or one that is not 2xx. `status` is absent without an answer; `body` in the server's words."""

    def __init__(self, url: str, status: int | None, body: str) -> None:
        super().__init__(f"{url}: {body}" if status is None else f"{url}: HTTP {status}: {body}")
        self.status = status
        self.body = body


def get_text(url: str, timeout_s: float = 10.0, headers: Headers = NO_HEADERS) -> str:
    """The body of a GET."""
    return _ask(url, None, timeout_s, headers)


def get_json(url: str, timeout_s: float = 10.0, headers: Headers = NO_HEADERS) -> Any:
    """The body of a GET as JSON."""
    return json.loads(get_text(url, timeout_s, headers))


def post_json(url: str, value: object | None, timeout_s: float = 60.0, headers: Headers = NO_HEADERS) -> str:
    """The body that answers a POST; None posts nothing."""
    data = b"" if value is None else json.dumps(value).encode()
    return _ask(url, data, timeout_s, headers)


def _ask(url: str, data: bytes | None, timeout_s: float, headers: Headers) -> str:
    try:
        all_headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(url, data=data, headers=all_headers)
        with _opener.open(request, timeout=timeout_s) as response:
            return str(response.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as refused:
        with refused:
            body = refused.read().decode("utf-8", "replace")
        raise HttpError(url, refused.code, _without_key(body, headers)) from None
    except (OSError, ValueError, HTTPException) as failed:
        raise HttpError(url, None, str(getattr(failed, "reason", failed)) or type(failed).__name__) from None


def _without_key(body: str, headers: Headers) -> str:
    """A server that refuses a key may quote it."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return body.replace(key, "***") if scheme and key else body
