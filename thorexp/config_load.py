"""What a job asks of its server: one frozen dataclass per config group, as in `config`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from thorexp.measure.arrivals import Ramp
from thorexp.measure.workload import Lengths


class Api(Enum):
    """What requests are posted to. Members are named as a user types them."""

    completions = "completions"  # /v1/completions, prompts as token ids
    chat = "chat"  # /v1/chat/completions, messages


class WorkloadKind(Enum):
    """Where prompts come from. Members are named as a user types them."""

    random = "random"  # drawn
    jsonl = "jsonl"  # a file of prompts or messages, one a line
    sharegpt = "sharegpt"  # a JSON array of conversations
    trace = "trace"  # lengths, times and shared prefixes, of which the prompts are made


class Arrivals(Enum):
    """What decides when requests are due. Members are named as a user types them."""

    rate = "rate"  # load.request_rate
    trace = "trace"  # the workload's own times


class Over(Enum):
    """The key of the load that a search is over. Members are named as a user types them."""

    max_concurrency = "max_concurrency"  # closed loop
    request_rate = "request_rate"  # open loop


@dataclass(frozen=True)
class EndpointConfig:
    """How the server is asked. `api_key_env`: the environment variable that holds the key, if there is one.

    Time limits in seconds: to connect, from sending to the first token, from one read to the next, for all of a
    request; absent for none.
    """

    name: str
    api: Api
    stream: bool
    api_key_env: str
    connect_timeout_s: float | None
    first_token_timeout_s: float | None
    idle_timeout_s: float | None
    timeout_s: float | None
    extra_body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageConfig:
    """A part of a load: what it does not say is as the load itself says."""

    name: str | None = None
    num_prompts: int | None = None
    duration_s: float | None = None
    max_concurrency: int | None = None
    max_concurrency_end: int | None = None
    request_rate: float | None = None
    request_rate_end: float | None = None
    ramp: Ramp | None = None
    burstiness: float | None = None
    burst_size: int | None = None


@dataclass(frozen=True)
class StopConfig:
    """When a load is given up: more than that share of requests fails, or fewer than that keep the SLO."""

    error_rate: float | None
    goodput: float | None


@dataclass(frozen=True)
class SearchConfig:
    """The highest value of one key of the load at which the SLO is kept, by doubling then bisection.

    `over`: the key; `start`: the first value tried, absent for 8 at once or 0.5 requests/s; `most`: the largest that
    may be tried, if there is one. `keep`: the share of requests that shall keep the SLO; `within`: how near, as a
    share, the value that fails lies above the one that holds; `max_probes`: values tried, and tried again, at most.
    A probe counts `min_prompts` requests at least, of a closed loop `prompts_per_stream` for each at once, at a rate
    those of `min_duration_s`.
    """

    over: Over
    start: float | None
    most: float | None
    keep: float
    within: float
    max_probes: int
    min_prompts: int
    prompts_per_stream: int
    min_duration_s: float


@dataclass(frozen=True)
class LoadConfig:
    """When requests are sent. `num_prompts` counts conversations, which are of one request unless the workload has
    turns; absent for as many as the duration and the rate make, or as a file has.

    `request_rate` in requests/s, infinite for a closed loop; it goes to `request_rate_end`, as `max_concurrency`
    goes to `max_concurrency_end`, along `ramp` over the duration. `arrivals`: by that rate, or at a trace's own times,
    stretched by `time_scale`. `drain`: a stage waits until the one before is answered. `exclude_*`: requests, in the
    order of their sending, and seconds, at the begin and the end, that do not count.
    """

    name: str
    num_prompts: int | None
    duration_s: float | None
    max_concurrency: int | None
    max_concurrency_end: int | None
    request_rate: float
    request_rate_end: float | None
    ramp: Ramp
    burstiness: float
    burst_size: int
    arrivals: Arrivals
    time_scale: float
    drain: bool
    exclude_first: int
    exclude_first_s: float
    exclude_last: int
    exclude_last_s: float
    num_warmups: int
    stop_when: StopConfig
    search: SearchConfig | None = None
    stages: list[StageConfig] = field(default_factory=list)


@dataclass(frozen=True)
class WorkloadConfig:
    """What is asked. Lengths in tokens, drawn as `lengths` says around `input_len` and `output_len`; exact when
    both ratios are 0.

    `file`: of prompts or of a trace. `turns`: of a conversation; later ones are `turn_input_len` long and come
    `think_time_s` (mean) after the answer before. `timestamp_s`: the unit of a trace's times, in seconds;
    `block_len`: tokens that one of its hash ids stands for. `max_len`: conversations of a file that are longer, in
    and out together, are left out.
    """

    name: str
    kind: WorkloadKind
    file: str | None
    input_len: int | None
    output_len: int | None
    lengths: Lengths
    range_ratio: float
    std_ratio: float
    prefix_len: int
    num_prefixes: int
    turns: int
    turn_input_len: int | None
    think_time_s: float
    max_len: int | None
    timestamp_s: float
    block_len: int
    seed: int
    ignore_eos: bool


@dataclass(frozen=True)
class SloConfig:
    """Limits in milliseconds that a request must keep to count as goodput; absent ones do not bind.

    `itl_p99_ms` is of a request's own gaps.
    """

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    itl_p99_ms: float | None = None
    e2el_ms: float | None = None
