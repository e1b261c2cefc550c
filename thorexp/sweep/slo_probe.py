"""What a search asks of one probe: the words that make a load of a value, and the load that they may be put to."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from thorexp.config import JobConfig
from thorexp.config_load import Arrivals, LoadConfig, Over, SearchConfig
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.measure.bracket import Bracket

FIRST = {Over.max_concurrency: 8.0, Over.request_rate: 0.5}  # on a Thor rather low than high: what misses takes longest
BEFORE = 0.25  # of the requests that count, how many come before them at a rate: until as many are under way as will be
AGAIN = 2  # times as many requests where the first ones did not decide
FOLLOWS = ("load.num_prompts", "load.exclude_first", "load.stop_when.goodput", "load.search")
SEED_APART = 500  # from the first ones, and from those of repeats


def check_search(config: JobConfig, search: SearchConfig) -> None:
    """ConfigError where there is no SLO to keep, and for keys by which the load would be another than is searched."""
    if all(limit is None for limit in asdict(config.slo).values()):
        raise ConfigError(
            f"load={config.load.name} looks for the highest load that keeps an SLO, and there is none.",
            ("try", "slo.ttft_ms=3000 slo.tpot_ms=100, or slo=mlperf_interactive"),
        )
    if config.sweep.executor is not Executor.local:
        raise ConfigError(
            f"sweep.executor={config.sweep.executor.value} would load the model anew for each probe of a search.",
            ("try", "sweep.executor=local on the board itself"),
        )
    for key, value, is_right, right in _needs(search):
        if not is_right:
            raise ConfigError(f"load.search.{key}={value} makes no search.", ("try", f"load.search.{key}={right}"))
    for key, typed in _strange(config.load, search.over):
        raise ConfigError(
            f"load.{key} means nothing to a search over load.{search.over.value}.",
            ("try", f"load.{key}={typed}, or another load.search.over"),
        )


def bracket_of(search: SearchConfig) -> Bracket:
    """Before anything was tried."""
    start = FIRST[search.over] if search.start is None else search.start
    return Bracket(start, search.within, search.over is Over.max_concurrency, search.most)


def words_of(config: JobConfig, search: SearchConfig, value: float, times: int = 1) -> tuple[str, ...]:
    """What is typed for a probe behind the words of its point; `times` as many requests, and others, for one that is
    tried again.

    The first requests do not count: of a closed loop the first of each stream, which come all at once and never again;
    at a rate those that find a server with little to do. The load is given up when those that count must miss the SLO
    even if all that do not count keep it; not the second time, where those of the first count too.
    """
    counted, before, least = _sizes(search, value)
    counted *= times
    goodput = f"{search.keep * least:.4g}" if times == 1 else "null"
    return (
        f"load.{search.over.value}={value:g}",
        f"load.num_prompts={counted + before}",
        f"load.exclude_first={before}",
        f"workload.seed={config.workload.seed + (SEED_APART if times > 1 else 0)}",
        f"load.stop_when.goodput={goodput}",
        "load.search=null",
    )


def shown_words(words: Sequence[str]) -> tuple[str, ...]:
    """Those of a probe that say which it is; the others follow from its value."""
    return tuple(word for word in words if word.lstrip("+").partition("=")[0] not in FOLLOWS)


def without_search(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a point that its probes share: how it is searched decides no measurement."""
    return tuple(word for word in words if not word.lstrip("+").startswith("load.search."))


def _sizes(search: SearchConfig, value: float) -> tuple[int, int, float]:
    """Requests that count, those before them, and the least share that the former can be of all."""
    if search.over is Over.max_concurrency:
        streams, each = int(value), search.prompts_per_stream
        return max(search.min_prompts, each * streams), streams, each / (each + 1)
    counted = max(search.min_prompts, math.ceil(search.min_duration_s * value))
    return counted, int(BEFORE * counted), 1 / (1 + BEFORE)


def _needs(search: SearchConfig) -> Iterator[tuple[str, object, bool, object]]:
    """Each key with its value, whether that can be, and one that can."""
    start = FIRST[search.over] if search.start is None else search.start
    least = 1.0 if search.over is Over.max_concurrency else 0.0
    yield "start", search.start, least <= start < math.inf and start > 0, FIRST[search.over]
    yield "most", search.most, search.most is None or search.most >= start, "null"
    yield "keep", search.keep, 0 < search.keep < 1, 0.95
    yield "within", search.within, 0 < search.within < 1, 0.05
    yield "max_probes", search.max_probes, search.max_probes >= 1, 12
    yield "min_prompts", search.min_prompts, search.min_prompts >= 1, 100
    yield "prompts_per_stream", search.prompts_per_stream, search.prompts_per_stream >= 1, 8
    yield "min_duration_s", search.min_duration_s, 0 <= search.min_duration_s < math.inf, 300


def _strange(load: LoadConfig, over: Over) -> Iterator[tuple[str, str]]:
    """Keys that bound a load otherwise than by the value; a request that a limit holds back in the client, say, misses
    no limit of an SLO.
    """
    if over is Over.max_concurrency and not math.isinf(load.request_rate):
        yield "request_rate", "inf"
    if over is Over.request_rate and load.max_concurrency is not None:
        yield "max_concurrency", "null"
    if load.request_rate_end is not None:
        yield "request_rate_end", "null"
    if load.max_concurrency_end is not None:
        yield "max_concurrency_end", "null"
    if load.arrivals is not Arrivals.rate:
        yield "arrivals", "rate"
    if load.stages:
        yield "stages", "[]"
