"""What a server says of itself: the models that it serves, its version, and how its KV cache is set up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_json, get_text
from thorexp.serve.metrics_page import labels, totals

CACHE = "vllm:cache_config_info"
BUSY = (408, 425, 429, 502, 503, 504)  # statuses of an answer that comes later; any other says that there is none
# Of its labels those that somebody chose, and that decide figures. Others follow from them and from the memory that
# was free at the start (num_gpu_blocks, kv_cache_size_tokens), and differ from start to start.
CHOSEN = (
    "block_size", "cache_dtype", "enable_prefix_caching", "gpu_memory_utilization", "kv_offloading_size",
    "num_gpu_blocks_override", "sliding_window",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Model:
    """One of /v1/models. `root`: what it was loaded from; `parent`: of an adapter, the id of its base; `created`: Unix
    seconds. Each absent where the server does not say.
    """

    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None
    owned_by: str | None = None
    created: int | None = None

    def is_from(self, repository: str) -> bool:
        """Whether it is that one by its id, or by its root: a directory of that name, or a download of it."""
        root = PurePosixPath(self.root or "")
        kept = root.is_absolute() and (
            root.name == PurePosixPath(repository).name or f"models--{repository.replace('/', '--')}" in root.parts
        )
        return kept or repository in (self.id, self.root)


@dataclass(frozen=True, slots=True)
class Said:
    """By a server, of itself. `model`: the one that is asked, of all its `models`. `version`: of vLLM. `speedup`: of a
    simulated one, how many of its seconds pass in one. `cache`: the labels of vLLM's cache configuration, of its first
    engine; empty where it does not say. `started_s`: Unix seconds.
    """

    model: Model
    models: tuple[Model, ...]
    version: str | None = None
    speedup: float = 1.0
    cache: tuple[tuple[str, str], ...] = ()
    started_s: float | None = None

    @property
    def max_model_len(self) -> int | None:
        """The most tokens of a request, in and out; of an adapter vLLM says it with its base."""
        if self.model.max_model_len is not None:
            return self.model.max_model_len
        base = (model for model in self.models if model.id == self.model.parent)
        return next((model.max_model_len for model in base), None)

    @property
    def prefix_caching(self) -> bool | None:
        """Whether prompts are looked up; absent where it does not say."""
        return {"True": True, "False": False}.get(dict(self.cache).get("enable_prefix_caching", ""))

    @property
    def kv_cache_dtype(self) -> str | None:
        """In its words, as `auto` or `fp8`."""
        return dict(self.cache).get("cache_dtype")

    @property
    def deciding(self) -> Mapping[str, str | None]:
        """What its figures depend on, by name: alike for each start of one server."""
        most = self.max_model_len
        cache = {key: value for key, value in self.cache if key in CHOSEN}
        return {
            "id": self.model.id,
            "root": self.model.root,
            "max_model_len": None if most is None else str(most),
            "version": self.version,
            **cache,
        }

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"cache": dict(self.cache)}


def said_by(base_url: str, headers: Headers = NO_HEADERS, wanted: str | None = None, timeout_s: float = 10.0) -> Said:
    """Of the model `wanted` where the server lists it, by its id or its root, else of the first.

    HttpError where /v1/models does not answer, or another page is late; ValueError where it lists no model. What it has
    no page for is absent.
    """
    models = _models(get_json(f"{base_url}/v1/models", timeout_s, headers))
    version, speedup = _version(base_url, headers, timeout_s)
    page = _page(f"{base_url}/metrics", headers, timeout_s)
    cache = next(iter(labels(page, CACHE)), {})
    return Said(
        model=_chosen(models, wanted),
        models=models,
        version=version,
        speedup=speedup,
        cache=tuple(sorted((key, value) for key, value in cache.items() if key != "engine")),
        started_s=totals(page).get("process_start_time_seconds"),
    )


def is_busy(failed: HttpError) -> bool:
    """Whether the same question may be answered later."""
    return failed.status is None or failed.status in BUSY


def differences(one: Said, other: Said) -> tuple[str, ...]:
    """In what two are not the same server, as `version 0.31.0, then 0.32.0`; what one left unsaid tells nothing."""
    was, is_now = one.deciding, other.deciding
    both = [key for key in was if was[key] is not None and is_now.get(key) is not None]
    return tuple(f"{key} {was[key]}, then {is_now[key]}" for key in both if was[key] != is_now[key])


def _chosen(models: Sequence[Model], wanted: str | None) -> Model:
    named = (model for model in models if wanted == model.id)
    loaded = (model for model in models if wanted is not None and wanted == model.root)
    return next(named, None) or next(loaded, None) or models[0]


def _models(said: Any) -> tuple[Model, ...]:
    listed = said.get("data") if isinstance(said, Mapping) else None
    models = tuple(map(_model, listed)) if isinstance(listed, list) else ()
    if not models:
        raise ValueError(f"no models: {str(said)[:200]}")
    return models


def _model(card: Any) -> Model:
    if not isinstance(card, Mapping) or not isinstance(card.get("id"), str):
        raise ValueError(f"a model without an id: {str(card)[:200]}")
    root, parent, owner = (
        value if isinstance(value := card.get(key), str) else None for key in ("root", "parent", "owned_by")
    )
    most, created = (
        int(value) if isinstance(value := card.get(key), int | float) else None for key in ("max_model_len", "created")
    )
    return Model(card["id"], root, parent, most, owner, created)


def _version(base_url: str, headers: Headers, timeout_s: float) -> tuple[str | None, float]:
    try:
        said = json.loads(_page(f"{base_url}/version", headers, timeout_s) or "{}")
        return str(said["version"]), float(said.get("speedup", 1.0))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, 1.0


def _page(url: str, headers: Headers, timeout_s: float) -> str:
    """Empty where there is none."""
    try:
        return get_text(url, timeout_s, headers)
    except HttpError as absent:
        if is_busy(absent):
            raise
        return ""
