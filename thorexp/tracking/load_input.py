"""A job's load plan as an MLflow dataset, so that runs of the same load are found by one filter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.flat import typed

DIGEST_CHARS = 16  # of the plan's digest, as in result.json; MLflow takes 36
_PROFILED = ("max_concurrency", "request_rate", "ignore_eos", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class LoadInput:
    """`name`: for people; `digest`: of all that is sent and when. `profile`: the plan in numbers, `source`: from what
    it was made.
    """

    name: str
    digest: str
    profile: dict[str, Any]
    source: dict[str, Any]


def load_input_of(plan: Mapping[str, Any], config: Mapping[str, Any]) -> LoadInput | None:
    """Named by workload, lengths in tokens, where they are asked for, and load: `random 2048/128 high`.

    Absent of an older plan, which has no digest or no stages.
    """
    if "digest" not in plan or "stages" not in plan:
        return None
    load, workload = config.get("load", {}), config.get("workload", {})
    requests = sum(len(stage["requests"]) for stage in plan["stages"])
    lengths = "/".join(typed(workload[key]) for key in ("input_len", "output_len") if workload.get(key) is not None)
    words = (workload.get("name"), lengths, load.get("name"))
    return LoadInput(
        name=" ".join(str(word) for word in words if word) or "load",
        digest=str(plan["digest"])[:DIGEST_CHARS],
        profile={"num_requests": requests} | {key: plan[key] for key in _PROFILED if plan.get(key) is not None},
        source={"workload": workload.get("name"), "load": load.get("name"), "seed": workload.get("seed")},
    )
