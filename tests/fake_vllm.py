"""A vLLM that is not one: the same command line, HTTP and endings, without an engine.

    python tests/fake_vllm.py serve MODEL --host H --port P …

FAKE_VLLM, JSON in the environment, chooses how it behaves: `help_delay_s`; `start_delay_s`; `log_progress` (vLLM's
bar of loading weights, meanwhile); `die_at_start` (a last line to log); `lack_memory_once` (a file to be made: a
start that makes it dies for lack of memory); `only_model` (the rest holds only for models with this in their name);
`die_after_requests`; `fail_requests` (from this completion on, each is answered 500; the start's own is the first);
`never_ready`; `ignore_sigterm`; `fork_children` (one in the group, one in a session of its own, both deaf to
SIGTERM); `token_delay_s`; `says` (what each token of an answer reads, run together); `log_lines` (printed before all
else); `tells_all` (its command line and its environment too); `preemptions` and `queue_time_s` (of each request) and
`kv_cache_usage` (at any time), as /metrics tells them.

Of a server that is somebody else's: `require_key` (whatever is asked without it as its bearer is answered 401, and the
wrong one is quoted); `lacks` (paths that are answered 404); `busy` (paths that are answered 503); `below` (a path
before all others); `card` (of its model in /v1/models) and `other_models` (more cards, before it); `cache_config`
(labels of vllm:cache_config_info); `others` (so many requests of strangers are under way at any time) and
`others_answered` (so many more with each of ours).

A prompt is token ids, or text of which each word is a token; a chat is its messages, whose answer goes on from the
last. The i-th token of any answer is 1000 + i. A prefix cache of 16-token blocks is kept and counted like vLLM's,
and so are requests and tokens; no request ever waits.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

BLOCK = 16
TEMPLATE_TOKENS = 3
FIRST_TOKEN = 1000
MAX_MODEL_LEN = 4096
VERSION = "0.99.0"
FLAGS = """
options:
  -h, --help            show this help message and exit
  --host HOST           Host name. (default: None)
  --port PORT           Port number. (default: 8000)
  --model MODEL         Name or path of the model. (default: Qwen/Qwen3-0.6B)
  --max-num-seqs MAX_NUM_SEQS
  --max-num-batched-tokens MAX_NUM_BATCHED_TOKENS
  --max-model-len MAX_MODEL_LEN
  --load-format {auto,dummy}
  --kv-cache-dtype {auto,fp8}
  --gpu-memory-utilization GPU_MEMORY_UTILIZATION
  --enforce-eager, --no-enforce-eager
                        Always use eager mode. (default: False)
  --enable-prefix-caching, --no-enable-prefix-caching
  --compilation-config COMPILATION_CONFIG, -O COMPILATION_CONFIG
  --trust-remote-code
  --api-key API_KEY [API_KEY ...]
  --hf-token [HF_TOKEN]
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def tokenized(asked: dict[str, Any]) -> list[int]:
    """The token ids of a request's prompt, or of its messages with the template's closing three to each."""
    if "messages" in asked:
        return [token for message in asked["messages"] for token in message_tokens(message)]
    prompt = asked["prompt"]
    return text_tokens(prompt) if isinstance(prompt, str) else prompt


def message_tokens(message: dict[str, Any]) -> list[int]:
    """All of the template comes last, so that a chat begins with the chat before and its answer."""
    closing = (f"<|{message['role']}|>", *("<|end|>",) * (TEMPLATE_TOKENS - 1))
    return text_tokens(" ".join((content_text(message), *closing)))


def content_text(message: dict[str, Any]) -> str:
    """What a message says, in one piece or in parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def text_tokens(text: str) -> list[int]:
    """One for each word: 17 for `t17`, for any other a number below 30000 that is always the same."""
    return [
        int(word[1:]) if re.fullmatch("t[0-9]+", word) else zlib.crc32(word.encode()) % 30_000 for word in text.split()
    ]


def detokenized(tokens: list[int]) -> str:
    """A text of these tokens."""
    return " ".join(f"t{token}" for token in tokens)


class Engine:
    """What it has served: a prefix cache and its counters."""

    def __init__(self, behaviour: dict[str, Any], model: str) -> None:
        self.behaviour = behaviour
        self.model = model
        self.cache: set[int] = set()
        self.queries = self.hits = self.requests = self.running = self.generated = 0

    def look_up(self, prompt: list[int]) -> None:
        """Count the tokens of leading full blocks that were seen, then remember all of them."""
        blocks = chain(prompt)
        found = next((i for i, block in enumerate(blocks) if block not in self.cache), len(blocks))
        self.queries += len(prompt)
        self.hits += found * BLOCK
        self.cache.update(blocks)

    def remember(self, tokens: list[int]) -> None:
        """Keep the blocks of a prompt and its answer; the last token was never computed on."""
        self.cache.update(chain(tokens))

    def metrics(self) -> str:
        """What it counts and what it was told to say, as Prometheus text."""
        label = f'{{engine="0",model_name="{self.model}"}}'
        lines = []
        for name, kind, value in self.counted():
            lines.append(f"# HELP vllm:{name} Of the fake engine.")
            lines.append(f"# TYPE vllm:{name} {kind}")
            lines.append(f"vllm:{name}{label} {float(value)}")
        if told := self.behaviour.get("cache_config"):
            labels = ",".join(f'{key}="{value}"' for key, value in told.items())
            lines.append(f'vllm:cache_config_info{{engine="0",{labels}}} 1.0')
        return "\n".join(lines) + "\n"

    def counted(self) -> list[tuple[str, str, float]]:
        """Name, type and value of each metric; of a histogram its sum and count, without buckets."""
        told = self.behaviour.get
        return [
            ("prefix_cache_queries_total", "counter", self.queries),
            ("prefix_cache_hits_total", "counter", self.hits),
            ("num_preemptions_total", "counter", self.requests * told("preemptions", 0)),
            ("prompt_tokens_total", "counter", self.queries),
            ("generation_tokens_total", "counter", self.generated),
            ("request_queue_time_seconds_sum", "untyped", self.requests * told("queue_time_s", 0.0)),
            ("request_queue_time_seconds_count", "untyped", self.requests),
            ("request_success_total", "counter", self.requests * (1 + told("others_answered", 0))),
            ("num_requests_running", "gauge", self.running + told("others", 0)),
            ("num_requests_waiting", "gauge", 0),
            ("kv_cache_usage_perc", "gauge", told("kv_cache_usage", 0.0)),
        ]


def chain(tokens: list[int]) -> list[int]:
    """A key for each full block that ends before the last token, made of all tokens up to its end."""
    keys = [0]
    for end in range(BLOCK, len(tokens), BLOCK):
        keys.append(hash((keys[-1], *tokens[end - BLOCK : end])))
    return keys[1:]


async def connection(engine: Engine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, until the client closes it."""
    try:
        while line := await reader.readline():
            method, path, _ = line.decode().split()
            length, key = 0, ""
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                if name.lower() == "authorization":
                    key = value.strip().removeprefix("Bearer ")
            body = await reader.readexactly(length)
            if key != engine.behaviour.get("require_key", key):
                await reply(writer, 401, json.dumps({"error": f"Unauthorized: {key}"}))
                continue
            await answer(engine, method, path.removeprefix(engine.behaviour.get("below", "")), body, writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def answer(engine: Engine, method: str, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    """One request."""
    if path in engine.behaviour.get("lacks", ()):
        await reply(writer, 404, '{"detail":"Not Found"}')
    elif path in engine.behaviour.get("busy", ()):
        await reply(writer, 503, '{"detail":"Service Unavailable"}')
    elif path == "/health":
        await reply(writer, 503 if engine.behaviour.get("never_ready") else 200, "")
    elif path == "/v1/models":
        cards = [*engine.behaviour.get("other_models", ()), {"id": engine.model, **engine.behaviour.get("card", {})}]
        await reply(writer, 200, json.dumps({"object": "list", "data": cards}))
    elif path == "/version":
        await reply(writer, 200, json.dumps({"version": engine.behaviour.get("version", VERSION)}))
    elif path == "/metrics":
        await reply(writer, 200, engine.metrics())
    elif path == "/reset_prefix_cache" and method == "POST" and os.environ.get("VLLM_SERVER_DEV_MODE") == "1":
        engine.cache.clear()
        await reply(writer, 200, "")
    elif path == "/tokenize":
        tokens = tokenized(json.loads(body))
        told = {"count": len(tokens), "max_model_len": MAX_MODEL_LEN, "tokens": tokens}
        await reply(writer, 200, json.dumps(told))
    elif path == "/detokenize":
        await reply(writer, 200, json.dumps({"prompt": detokenized(json.loads(body)["tokens"])}))
    elif path in ("/v1/completions", "/v1/chat/completions"):
        engine.running += 1
        try:
            await complete(engine, json.loads(body), writer)
        finally:
            engine.running -= 1
    else:
        await reply(writer, 404, '{"detail":"Not Found"}')


async def complete(engine: Engine, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """A completion or a chat, streamed or whole."""
    engine.requests += 1
    if engine.requests > engine.behaviour.get("die_after_requests", float("inf")):
        print("RuntimeError: the fake engine died under load", file=sys.stderr, flush=True)
        os._exit(1)
    if engine.requests >= engine.behaviour.get("fail_requests", float("inf")):
        error = {"message": "the fake engine fails", "type": "InternalServerError", "code": 500}
        await reply(writer, 500, json.dumps({"error": error}))
        return
    prompt = tokenized(asked)
    engine.look_up(prompt)
    count = asked.get("max_completion_tokens") or asked.get("max_tokens") or 16
    answer = list(range(FIRST_TOKEN, FIRST_TOKEN + count))
    engine.generated += count
    usage = {"prompt_tokens": len(prompt), "total_tokens": len(prompt) + count, "completion_tokens": count}
    if asked.get("stream"):
        await stream(engine, asked, answer, writer)
        engine.remember(prompt + answer)
        event(writer, {"id": "cmpl-0", "object": "text_completion", "choices": [], "usage": usage})
        chunk(writer, b"data: [DONE]\n\n")
        chunk(writer, b"")
        await writer.drain()
    else:
        await asyncio.sleep(count * engine.behaviour.get("token_delay_s", 0.001))
        engine.remember(prompt + answer)
        whole = choice(engine, asked, answer, "length")
        if "delta" in whole:
            whole["message"] = {"role": "assistant", **whole.pop("delta")}
        await reply(writer, 200, json.dumps({"model": engine.model, "choices": [whole], "usage": usage}))


async def stream(engine: Engine, asked: dict[str, Any], answer: list[int], writer: asyncio.StreamWriter) -> None:
    """The answer token by token, a chat's after a role without a token."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    head = {"id": "cmpl-0", "object": "text_completion", "model": engine.model}
    due = time.monotonic()
    for i, token in enumerate(answer):
        due += engine.behaviour.get("token_delay_s", 0.001)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if i == 0 and "messages" in asked:
            opening = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
            event(writer, {**head, "choices": [opening]})
        reason = "length" if i == len(answer) - 1 else None
        event(writer, {**head, "choices": [choice(engine, asked, [token], reason)]})


def choice(engine: Engine, asked: dict[str, Any], tokens: list[int], reason: str | None) -> dict[str, Any]:
    """These tokens of an answer, as a stream says them."""
    said = engine.behaviour.get("says")
    text = " " + detokenized(tokens) if said is None else said * len(tokens)
    told = {"delta": {"content": text}} if "messages" in asked else {"text": text}
    ids = tokens if asked.get("return_token_ids") else None
    return {"index": 0, **told, "logprobs": None, "finish_reason": reason, "token_ids": ids}


def event(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    """One server-sent event in a chunk of its own."""
    chunk(writer, b"data: " + json.dumps(value).encode() + b"\n\n")


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One chunk of chunked transfer encoding; an empty one ends it."""
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


async def reply(writer: asyncio.StreamWriter, status: int, body: str) -> None:
    """A whole response."""
    data = body.encode()
    writer.write(f"HTTP/1.1 {status} Fake\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()


async def serve(words: list[str], behaviour: dict[str, Any]) -> None:
    """Listen until killed."""
    options = dict(zip(words[1::2], words[2::2], strict=False))
    host, port = words[words.index("--host") + 1], int(words[words.index("--port") + 1])
    engine = Engine(behaviour, options.get("--served-model-name", words[0]))
    server = await asyncio.start_server(
        lambda reader, writer: connection(engine, reader, writer), host, port, limit=1 << 24
    )
    async with server:
        await server.serve_forever()


def load(behaviour: dict[str, Any]) -> None:
    """Take the time that a start takes, with vLLM's bar over four shards where that is asked for."""
    delay_s = behaviour.get("start_delay_s", 0.0)
    if not behaviour.get("log_progress"):
        time.sleep(delay_s)
        return
    for shard in range(5):
        bar = f"Loading safetensors checkpoint shards: {25 * shard:3d}% Completed | {shard}/4 [00:00<00:00,  1.00it/s]"
        print(f"\r{bar}", end="\n" if shard == 4 else "", file=sys.stderr, flush=True)
        time.sleep(delay_s / 5)


def die(last: str) -> None:
    """End as an engine does that cannot start."""
    print("(EngineCore pid=1) ERROR 11-24 12:00:00 [core.py:1] EngineCore failed to start.", file=sys.stderr)
    sys.exit(last)


def main(words: list[str]) -> None:
    """`serve MODEL …`, or `--help` in any place."""
    behaviour = json.loads(os.environ.get("FAKE_VLLM") or "{}")
    if any(word.startswith("--help") for word in words):
        time.sleep(behaviour.get("help_delay_s", 0.0))
        print("usage: fake serve [model] [options]\n" + FLAGS)
        return
    model = words[words.index("serve") + 1]
    if behaviour.get("only_model", "") not in model:
        behaviour = {}
    for line in behaviour.get("log_lines", ()):
        print(line, file=sys.stderr, flush=True)
    if behaviour.get("tells_all"):
        print(f"argv {sys.argv}\nenviron {dict(os.environ)}", file=sys.stderr, flush=True)
    load(behaviour)
    if "die_at_start" in behaviour:
        die(behaviour["die_at_start"])
    if "lack_memory_once" in behaviour and not Path(behaviour["lack_memory_once"]).exists():
        Path(behaviour["lack_memory_once"]).touch()
        die("torch.OutOfMemoryError: CUDA out of memory.")
    if behaviour.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour.get("fork_children"):
        subprocess.Popen([sys.executable, "-c", DEAF])
        subprocess.Popen([sys.executable, "-c", DEAF], start_new_session=True)
    asyncio.run(serve(words[words.index("serve") + 1 :], behaviour))


if __name__ == "__main__":
    main(sys.argv[1:])
