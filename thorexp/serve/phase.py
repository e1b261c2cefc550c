"""What a server that starts is doing: its log to a phase. Pure."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """`fraction`: in [0, 1], of this phase's present pass, in whole percents; absent where vLLM logs none.

    It starts again where vLLM does: with a draft model's weights, with the second kind of graphs.
    """

    name: str
    fraction: float | None = None


STARTING = Phase("starting")

# Of vLLM 0.32.0, its source and what it logs on a CPU. Only whole sentences, since it also prints its config and
# warnings that name torch.compile, inductor and the graphs. A bar is taken up to what follows its percents, so
# that one whose line is still being written does not count.
KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"[Ll]oading [^%]*\s(?P<percent>100|\d\d?)% Completed \|", "loading weights"),
        (r"Starting to load model |Loading model from scratch\.\.\.", "loading weights"),
        (
            r"Starting torch\.compile|vLLM's torch\.compile|Dynamo bytecode transform time: |Compiling a graph for |"
            r"Compile and warming up model for size |Warming up model for the compilation",
            "compiling",
        ),
        (r"Capturing [^%]*\s(?P<percent>100|\d\d?)%\|", "capturing graphs"),
        # The first pass through the model measures the memory that is left for the KV cache, the later ones load
        # and tune kernels.
        (
            r"Model loading took |torch\.compile took |[Ii]nitial profiling/warmup run |KV cache size: [\d,]+ tokens",
            "warming up",
        ),
        (
            r"init engine \(profile, create kv cache, warmup model\) took |Starting vLLM (?:API )?server |"
            r"Application startup complete",
            "almost ready",
        ),
    )
)


def phase_of(log: str) -> Phase:
    """The latest phase that the log, or its tail, tells of; `STARTING` where it tells of none.

    Of several workers the one that logged last is told.
    """
    # splitlines also ends a line at the carriage return that stands before each state of a bar.
    return next((phase for line in reversed(log.splitlines()) if (phase := _phase(line))), STARTING)


def _phase(line: str) -> Phase | None:
    for pattern, name in KNOWN:
        if found := pattern.search(line):
            percent = found.groupdict().get("percent")
            return Phase(name, None if percent is None else int(percent) / 100)
    return None


def unwatched(_phase: Phase) -> None:
    """For a server that starts with nobody looking."""
