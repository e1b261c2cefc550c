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
    """How the server is asked."""

    name: str
    """The option of `endpoint=` that chooses it."""
    api: Api
    """What requests are posted to."""
    stream: bool
    """Whether answers are streamed; else only E2EL can be measured."""
    api_key_env: str
    """The environment variable that holds the key, should the server ask for one."""
    connect_timeout_s: float | None
    """To connect; absent for no limit."""
    first_token_timeout_s: float | None
    """From sending to the first token; absent for no limit."""
    idle_timeout_s: float | None
    """From one read to the next; absent for no limit."""
    timeout_s: float | None
    """For all of a request; absent for no limit."""
    extra_body: dict[str, Any] = field(default_factory=dict)
    """Goes over what is asked by itself: `endpoint.extra_body.temperature=0`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Go with every request."""


@dataclass(frozen=True)
class StageConfig:
    """A part of a load: what it does not say is as the load itself says."""

    name: str | None = None
    """In the report."""
    num_prompts: int | None = None
    """As `load.num_prompts`."""
    duration_s: float | None = None
    """As `load.duration_s`."""
    max_concurrency: int | None = None
    """As `load.max_concurrency`."""
    max_concurrency_end: int | None = None
    """As `load.max_concurrency_end`."""
    request_rate: float | None = None
    """[requests/s] As `load.request_rate`."""
    request_rate_end: float | None = None
    """[requests/s] As `load.request_rate_end`."""
    ramp: Ramp | None = None
    """As `load.ramp`."""
    burstiness: float | None = None
    """As `load.burstiness`."""
    burst_size: int | None = None
    """As `load.burst_size`."""


@dataclass(frozen=True)
class StopConfig:
    """When a load is given up: even a perfect rest would miss a limit."""

    error_rate: float | None
    """[share] More of all requests than that fail; absent for no limit."""
    goodput: float | None
    """[share] Fewer of all requests than that keep the SLO; absent for no limit."""


@dataclass(frozen=True)
class SearchConfig:
    """The highest value of one key of the load at which the SLO is kept, by doubling then bisection."""

    over: Over
    """The key."""
    start: float | None
    """The first value tried; absent for 8 at once or 0.5 requests/s."""
    most: float | None
    """The largest that may be tried; absent for no limit."""
    keep: float
    """[share] Of the requests that shall keep every limit of the SLO."""
    within: float
    """[share] How near the value that fails lies above the one that holds."""
    max_probes: int
    """Values tried, and tried again, at most."""
    min_prompts: int
    """[requests] That a probe counts at least."""
    prompts_per_stream: int
    """[requests] Of a closed loop: so many for each at once."""
    min_duration_s: float
    """At a rate: a probe counts the requests of so long at least."""


@dataclass(frozen=True)
class LoadConfig:
    """When requests are sent."""

    name: str
    """The option of `load=` that chooses it."""
    num_prompts: int | None
    """[conversations] Of one request each unless the workload has turns; absent for as many as the duration and the
    rate make, or as a file has.
    """
    duration_s: float | None
    """How long requests are sent; with `load.num_prompts` whichever ends first. Absent for no limit."""
    max_concurrency: int | None
    """[conversations] Under way at once; absent for no limit."""
    max_concurrency_end: int | None
    """[conversations] Where it goes over the duration, along `load.ramp`; absent to stay."""
    request_rate: float
    """[requests/s] Infinite for a closed loop, which sends as soon as there is room."""
    request_rate_end: float | None
    """[requests/s] Where it goes over the duration, along `load.ramp`; absent to stay."""
    ramp: Ramp
    """How rate or concurrency rise."""
    burstiness: float
    """Shape of the gaps: 1 Poisson, below 1 burstier, infinite constant."""
    burst_size: int
    """[requests] That come at one moment."""
    arrivals: Arrivals
    """What decides when requests are due."""
    time_scale: float
    """Stretches a trace's times; 2 is half as fast."""
    drain: bool
    """Whether a stage waits until the one before is answered."""
    exclude_first: int
    """[requests] In the order of their sending, that do not count."""
    exclude_first_s: float
    """Requests that were sent so early do not count."""
    exclude_last: int
    """[requests] In the order of their sending, that do not count."""
    exclude_last_s: float
    """Requests that were sent so late do not count."""
    num_warmups: int
    """[requests] Before the load, with prompts of their own; at least one is always sent."""
    stop_when: StopConfig
    """When it is given up."""
    search: SearchConfig | None = None
    """Over many runs, the highest load that keeps the SLO; absent for a load that is played once."""
    stages: list[StageConfig] = field(default_factory=list)
    """Loads one after the other; none for a load of one piece."""


@dataclass(frozen=True)
class WorkloadConfig:
    """What is asked."""

    name: str
    """The option of `workload=` that chooses it."""
    kind: WorkloadKind
    """Where prompts come from."""
    file: str | None
    """Of prompts or of a trace; absent for what is drawn."""
    input_len: int | None
    """[tokens] Of a prompt; exact when both ratios are 0; absent as a file says."""
    output_len: int | None
    """[tokens] Of an answer, likewise; absent as a file says, or as long as its own answer."""
    lengths: Lengths
    """How they spread around `workload.input_len` and `workload.output_len`."""
    range_ratio: float
    """[share] Uniform: 0 every length exact, 0.5 from half to one and a half."""
    std_ratio: float
    """[share] Normal, lognormal: standard deviation / mean."""
    prefix_len: int
    """[tokens] That prompts share, before `workload.input_len`."""
    num_prefixes: int
    """Different ones, dealt evenly."""
    turns: int
    """[requests] Of a conversation, each behind all that was said before; of a file at most."""
    turn_input_len: int | None
    """[tokens] Of later turns; absent for `workload.input_len`."""
    think_time_s: float
    """Before each later turn, behind the answer before: the mean of exponential draws."""
    max_len: int | None
    """[tokens] Conversations of a file that are longer, in and out together, are left out; absent for no limit."""
    timestamp_s: float
    """The unit of a trace's times, in seconds."""
    block_len: int
    """[tokens] That one of a trace's `hash_ids` stands for."""
    seed: int
    """Of all draws."""
    ignore_eos: bool
    """Whether all of `workload.output_len` is generated, whatever the model has to say."""


@dataclass(frozen=True)
class SloConfig:
    """Limits that a request must keep to count as goodput; absent ones do not bind."""

    ttft_ms: float | None = None
    """Of its TTFT."""
    tpot_ms: float | None = None
    """Of its TPOT."""
    itl_p99_ms: float | None = None
    """Of the P99 of its own gaps."""
    e2el_ms: float | None = None
    """Of its E2EL."""
