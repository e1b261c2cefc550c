"""The experiment that runs go to, with a description that says how to read them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE = "mlflow.note.content"  # which MLflow shows as the description, of a run too
DESCRIPTION = """\
**What a run is.** Each job of thorexp is a run (`tags.thorexp.kind = 'job'`), each sweep another (`'sweep'`), whose
description has the table of its results. A job's whole run directory is under its artifacts, `config.yaml` in it has
every key; params are only what was chosen or typed.

**May a number be believed?** `tags.standing` is VALID, SUSPECT (a reason speaks against some numbers) or INVALID
(against all that matters); the run's description has the reasons and what to try. `tags.origin` is `measured`,
`simulated` (computed by a model of the hardware, nothing was measured), `imported` (measured by others) or `rehearsed`
(a tiny model of random weights in place of each: no figure is of the model or the board).

**Metrics** without a prefix have the names and definitions of `vllm bench serve`, latencies in ms, times in s:

- TTFT: from sending a request until its first token
- TPOT: (E2EL − TTFT) / (output tokens − 1), one value a request
- ITL: each gap between two chunks of a stream
- E2EL: from sending a request until its last token
- `output_throughput`: output tokens/s of all requests together

What could not be measured is absent, never 0. `system/…` (System metrics) tells how machine, server and client did:
power in W, energy in J, temperatures in °C, and each signal over time; `system/config.…` repeats numbers that were
typed. `stages/…` has each stage of a load.

**Filters**, for the search field above the runs:

- one sweep: `tags.thorexp.sweep LIKE '2026-11-24_13-57-59%'`
- the same load to the last prompt, whose digest a run's dataset shows: `dataset.digest = '…'`
- at MAXN only: `tags.power_mode = 'MAXN'`
- measured and without a doubt: `tags.origin = 'measured' AND tags.standing = 'VALID'`
- P99 TTFT below 2 s, then sort by `output_throughput`: `metrics.p99_ttft_ms < 2000`
"""


def experiment_of(client: "MlflowClient", name: str, place: str | None) -> str:
    """Its id. It is made where it is missing, with its artifacts at `place`, a URI; absent where a server decides.

    A description that is there stays, whoever wrote it.
    """
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        if NOTE not in found.tags:
            client.set_experiment_tag(found.experiment_id, NOTE, DESCRIPTION)
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=place, tags={NOTE: DESCRIPTION}))
    except MlflowException as clash:
        # On a server, where nothing is locked, another process may have been first.
        if clash.error_code == "RESOURCE_ALREADY_EXISTS" and (found := client.get_experiment_by_name(name)):
            return str(found.experiment_id)
        raise
