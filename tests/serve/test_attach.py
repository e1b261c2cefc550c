"""A server that somebody else runs, and keeps."""

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server, socket
from typing import Any

import pytest

from tests.somebody import MODEL, somebodys
from thorexp.errors import StartError
from thorexp.serve.attach import attach, root_of
from thorexp.serve.server import Api, Endpoint, claim_port

PROBE_LEN = 32
KEY = {"Authorization": "Bearer s3cret-key"}
CERTIFICATE = Path(__file__).with_name("localhost.pem")  # of 127.0.0.1, signed by itself, until 2126
PLAIN = ("/health", "/metrics", "/version", "/tokenize", "/detokenize", "/reset_prefix_cache")


def attached(api: Api = "completions", at: str = "", headers: dict[str, str] | None = None, **fake: Any) -> Endpoint:
    """Where it answers, of one that behaves like this."""
    with somebodys(**fake) as url:
        return attach(url + at, api, PROBE_LEN, headers or {}, MODEL).endpoint


@contextmanager
def behind_tls(url: str) -> Iterator[str]:
    """The URL of a proxy that speaks TLS for it."""
    host, port = url.removeprefix("http://").split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    def handle(client: socket) -> None:
        try:
            with (
                context.wrap_socket(client, server_side=True) as outside,
                create_connection((host, int(port))) as inside,
            ):
                threading.Thread(target=copy, args=(inside, outside), daemon=True).start()
                copy(outside, inside)
        except OSError:
            return

    def copy(source: socket, sink: socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            return

    with create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"])
def test_a_url_is_given_with_its_path_or_without(url: str) -> None:
    """Clients of OpenAI's API take it with /v1."""
    assert "http://h:1" == root_of(url)


def test_a_path_before_v1_is_part_of_the_url() -> None:
    """Of a server behind a proxy that has several."""
    assert "http://h/llm" == root_of("http://h/llm/v1")
    endpoint = attached(below="/llm", at="/v1")
    assert ("/llm", MODEL, "0.99.0") == (endpoint.base_url[-4:], endpoint.served_model, endpoint.version)


def test_a_key_goes_wherever_it_is_wanted() -> None:
    """A proxy wants it for /health as well."""
    assert "0.99.0" == attached(headers=KEY, require_key="s3cret-key").version


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wr0ng-key"}])
def test_a_wrong_key_is_said_and_not_shown(headers: dict[str, str]) -> None:
    """By the variable that holds it, even where the server quotes it."""
    with pytest.raises(StartError, match="wants another key") as refused:
        attached(headers=headers, require_key="s3cret-key")
    assert "endpoint.api_key_env" in str(refused.value)
    assert "wr0ng" not in str(refused.value)


def test_a_server_that_only_chats_is_asked_to() -> None:
    """As the load will ask it."""
    assert MODEL == attached("chat", lacks=["/v1/completions"]).served_model


@pytest.mark.parametrize(
    ("api", "path", "other"),
    [("completions", "/v1/completions", "chat"), ("chat", "/v1/chat/completions", "completions")],
)
def test_an_endpoint_that_is_not_there_is_answered_with_the_other(api: Api, path: str, other: str) -> None:
    """What to type stands first."""
    with pytest.raises(StartError, match="does not complete a first prompt") as refused:
        attached(api, lacks=[path])
    assert f"try    endpoint={other}" in str(refused.value)
    assert f"{path}\n" in str(refused.value)


def test_a_server_with_nothing_but_the_api_is_attached() -> None:
    """Absent stays absent: no health, no version, no metrics."""
    endpoint = attached(lacks=PLAIN)
    assert (MODEL, None, 1.0) == (endpoint.served_model, endpoint.version, endpoint.speedup)
    assert endpoint.said is not None
    assert ((), None) == (endpoint.said.cache, endpoint.said.max_model_len)


@pytest.mark.parametrize("fake", [{"never_ready": True}, {"lacks": ["/health", "/v1/models"]}])
def test_what_is_no_server_now_is_refused(fake: dict[str, Any]) -> None:
    """One that is not ready, and one that lists no models."""
    with pytest.raises(StartError):
        attached(**fake)


def test_where_nobody_answers_the_key_to_change_is_named() -> None:
    """And how to have one started."""
    url = f"http://127.0.0.1:{claim_port('127.0.0.1', None)}"
    with pytest.raises(StartError, match="No server answers there") as refused:
        attach(url, "completions", PROBE_LEN)
    assert f"server.base_url={url}" in str(refused.value)


def test_of_several_models_it_says_which_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    """The one that the config names, whatever comes first."""
    caplog.set_level(logging.INFO)
    assert MODEL == attached(other_models=[{"id": "lawyer", "parent": MODEL}]).served_model
    assert f"of 2 models there, {MODEL} is asked: lawyer, {MODEL}" in caplog.text


def test_a_server_behind_tls_is_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a certificate that the user trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with somebodys() as plain, behind_tls(plain) as url:
        endpoint = attach(url, "completions", PROBE_LEN).endpoint
    assert (url, "0.99.0") == (endpoint.base_url, endpoint.version)


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    """In the words of TLS."""
    with somebodys() as plain, behind_tls(plain) as url, pytest.raises(StartError, match="CERTIFICATE_VERIFY_FAILED"):
        attach(url, "completions", PROBE_LEN)
