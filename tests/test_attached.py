"""Loads on a server that somebody else runs, as a user types them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Ran, thorexp, tracked_runs
from tests.somebody import HOST, MODEL, somebodys
from tests.test_keep import a_job
from thorexp.errors import ConfigError, StartError
from thorexp.job import attached
from thorexp.rundir import ERROR, REPORT, REQUESTS, SERVER, TELEMETRY, RunDir
from thorexp.serve.server import claim_port

SMALL = ("load=low", "load.num_prompts=3", "workload.input_len=64", "workload.output_len=4")
WORDS = (*SMALL, "hardware=cpu", "model=tiny_qwen3", "tracking.enabled=false", "server=attach")
NOT_VLLM = ("/health", "/metrics", "/version", "/tokenize", "/detokenize", "/reset_prefix_cache")
KEY = "s3cret-key"


def ran_at(url: str, folder: Path, *words: str) -> Ran:
    """thorexp, attached to what is there."""
    multirun = ("-m",) if "-m" in words else ()
    return thorexp(folder, *multirun, *WORDS, f"server.base_url={url}", *(word for word in words if word != "-m"))


def only(ran: Ran) -> RunDir:
    """What it kept of its one job, which finished."""
    assert 0 == ran.code, ran.err
    (run_dir,) = ran.run_dirs
    return run_dir


def told(run_dir: RunDir, label: str) -> str:
    """What stands beside it in the report."""
    (line,) = (line for line in run_dir.read_text(REPORT).splitlines() if line.startswith(f"{label}:"))
    return line.partition(":")[2].strip()


def reasons(run_dir: RunDir) -> dict[str, Any]:
    """Against its result, by name."""
    verdict = run_dir.verdict()
    assert verdict is not None
    return {reason.name: reason for reason in verdict.reasons}


def test_a_key_is_sent_with_everything_and_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that wants it everywhere says what it is, is reset, counts, and is watched."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with somebodys(require_key=KEY, token_delay_s=0.2) as url:
        ran = ran_at(url, tmp_path)
    run_dir = only(ran)
    assert ("verified", "0.99.0") == (told(run_dir, "cold cache"), told(run_dir, "vllm version"))
    assert ",server.running," in run_dir.read_text(TELEMETRY)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [] == [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize("words", [(), ("-m", "workload.output_len=3,4")], ids=["job", "sweep"])
def test_a_wrong_key_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """By the variable that holds it, without a record, and without the key that the server quotes."""
    monkeypatch.setenv("OPENAI_API_KEY", "wr0ng-key")
    with somebodys(require_key=KEY) as url:
        ran = ran_at(url, tmp_path, *words)
    assert (1, ()) == (ran.code, ran.run_dirs)
    assert 1 == ran.err.count("The server wants another key.")
    assert "export OPENAI_API_KEY=…, which endpoint.api_key_env names" in ran.err
    assert "wr0ng" not in ran.out + ran.err


def test_a_server_that_came_later_is_found_by_a_later_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """That none was there is believed for a minute, and not for a night."""
    port, now = claim_port(HOST, None), [0.0]
    monkeypatch.setattr("thorexp.asking.monotonic", lambda: now[0])
    words = ("server=attach", f"server.base_url=http://{HOST}:{port}")
    assert a_job(*words).said is None
    with somebodys(port=port):
        soon = a_job(*words).said
        now[0] = 61.0
        later = a_job(*words).said
    assert (None, MODEL) == (soon, later and later.model.id)


def test_another_model_than_the_configs_is_a_reason(tmp_path: Path) -> None:
    """Against every number, which the limits of the config's model have judged; with both names."""
    with somebodys(model="lawyer", card={"root": "/adapters/lawyer"}) as url:
        ran = ran_at(url, tmp_path)
    reason = reasons(only(ran))["other_model"]
    assert ("SUSPECT", ("all",)) == (reason.standing, reason.metrics)
    assert f"model=tiny_qwen3 is {MODEL}, the server serves lawyer, of /adapters/lawyer" == reason.evidence
    assert "the server serves lawyer, of /adapters/lawyer" in ran.err


def test_another_model_that_is_known_to_be_the_same_is_accepted(tmp_path: Path) -> None:
    """By the name of the reason."""
    with somebodys(model="lawyer") as url:
        verdict = only(ran_at(url, tmp_path, "verdict.accept=[other_model]")).verdict()
    assert verdict is not None
    assert ["other_model"] == [reason.name for reason in verdict.accepted]


def test_a_directory_of_its_name_is_the_model(tmp_path: Path) -> None:
    """Whatever the server calls it."""
    with somebodys(model="alias", card={"root": "/models/tiny_qwen3"}) as url:
        assert "other_model" not in reasons(only(ran_at(url, tmp_path)))


def test_a_server_that_only_chats_is_measured(tmp_path: Path) -> None:
    """From its readiness on it is asked to chat."""
    with somebodys(lacks=["/v1/completions"]) as url:
        run_dir = only(ran_at(url, tmp_path, "endpoint=chat"))
    assert (3, "chat") == (len(run_dir.requests()), told(run_dir, "endpoint"))


def test_a_server_that_is_no_vllm_is_measured(tmp_path: Path) -> None:
    """What it does not say is absent, and that its cache was cold is not proven."""
    with somebodys(lacks=NOT_VLLM) as url:
        run_dir = only(ran_at(url, tmp_path))
    absent = [told(run_dir, label) for label in ("vllm version", "max model len", "prefix caching", "kv cache dtype")]
    assert ([MODEL, "not verified"], ["-"] * 4) == (
        [told(run_dir, "served model"), told(run_dir, "cold cache")],
        absent,
    )
    remedy = reasons(run_dir)["cold_cache_not_verified"].remedy
    assert (True, True) == ("VLLM_SERVER_DEV_MODE=1" in remedy, "--no-enable-prefix-caching" in remedy)


def test_what_a_server_says_of_itself_is_kept(tmp_path: Path) -> None:
    """All of it in a file, and what is filtered by as tags, in MLflow too."""
    card = {"root": "/models/tiny", "max_model_len": 4096, "owned_by": "vllm"}
    cache = {"cache_dtype": "fp8", "enable_prefix_caching": "True", "num_gpu_blocks": "7"}
    with somebodys(card=card, cache_config=cache) as url:
        run_dir = only(ran_at(url, tmp_path, "tracking.enabled=true"))
    kept = run_dir.read_json(SERVER)
    assert ({"id": MODEL, "parent": None, "created": None} | card, "0.99.0", cache) == (
        kept["model"], kept["version"], kept["cache"],
    )  # fmt: skip
    tags = {"served_model": MODEL, "max_model_len": "4096", "prefix_caching": "on", "kv_cache_dtype": "fp8"}
    (run,) = tracked_runs(tmp_path)
    assert (tags, tags) == tuple({key: each.get(key) for key in tags} for each in (run_dir.record().tags, run.tags))
    assert ("4096", "on", "fp8") == tuple(
        told(run_dir, label) for label in ("max model len", "prefix caching", "kv cache dtype")
    )


def test_of_several_models_the_config_names_the_one_that_is_asked(tmp_path: Path) -> None:
    """Though another one comes first; the record says which."""
    with somebodys(other_models=[{"id": "lawyer", "parent": MODEL}]) as url:
        ran = ran_at(url, tmp_path)
    kept = only(ran).read_json(SERVER)
    assert (MODEL, ["lawyer", MODEL]) == (kept["model"]["id"], [model["id"] for model in kept["models"]])
    assert f"{MODEL} is asked" in ran.err


def test_requests_that_are_too_long_for_it_are_refused_before_the_load(tmp_path: Path) -> None:
    """By full keys, and the points that fit are measured."""
    with somebodys(card={"max_model_len": 100}) as url:
        ran = ran_at(url, tmp_path, "-m", "workload.output_len=4,400")
    assert (1, ["finished"]) == (ran.code, [record.status for record in ran.records])
    assert "2 points: 0 done already, 1 to run on 1 server start, 1 refused" in ran.out
    for words in (f"where  workload.input_len=64 workload.output_len=400, server.base_url={url}", "max_model_len=100"):
        assert words in ran.out
    assert "the server with --max-model-len 464" in ran.out


def test_texts_that_are_too_long_for_it_are_refused_once_it_has_counted_them(tmp_path: Path) -> None:
    """Before the load, with a record of why."""
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "' + "word " * 90 + '", "output_len": 20}\n')
    words = ("workload=jsonl", f"workload.file={tmp_path / 'prompts.jsonl'}", "load.num_prompts=1")
    with somebodys(card={"max_model_len": 100}) as url:
        ran = thorexp(tmp_path, *words, "load=low", *WORDS[4:], f"server.base_url={url}")
    (run_dir,) = ran.run_dirs
    assert (1, "failed", False) == (ran.code, run_dir.record().status, run_dir.has(REQUESTS))
    assert f"workload.file={tmp_path / 'prompts.jsonl'}, server.base_url={url}" in run_dir.read_text(ERROR)
    assert "workload.max_len=100" in run_dir.read_text(ERROR)


def test_a_cache_that_is_not_reset_is_told_by_what_it_found(tmp_path: Path) -> None:
    """The first load finds nothing; the same one again finds what the first has left, and the remedy is named."""
    folders = [tmp_path / name for name in ("first", "again")]
    with somebodys(resets=False) as url:
        for folder in folders:
            folder.mkdir()
        rans = [only(ran_at(url, folder)) for folder in folders]
    assert ["not verified"] * 2 == [told(run_dir, "cold cache") for run_dir in rans]
    assert "prefix_cache_hits" not in reasons(rans[0])
    found = reasons(rans[1])["prefix_cache_hits"]
    assert ("INVALID", True) == (found.standing, "VLLM_SERVER_DEV_MODE=1" in found.remedy)


def test_a_server_that_has_no_prefix_cache_is_cold(tmp_path: Path) -> None:
    """By its own word, though it cannot be reset."""
    with somebodys(resets=False, cache_config={"enable_prefix_caching": "False"}) as url:
        run_dir = only(ran_at(url, tmp_path))
    assert ("no cache", "off") == (told(run_dir, "cold cache"), told(run_dir, "prefix caching"))
    assert "cold_cache_not_verified" not in reasons(run_dir)


@pytest.mark.parametrize(
    ("fake", "evidence"),
    [
        ({"others": 2}, "2 requests of others were under way before the load, 2 after it"),
        ({"others_answered": 1}, "6 requests were answered meanwhile, of which 3 are ours"),
        ({}, None),
    ],
    ids=["under way", "answered", "nobody"],
)
def test_who_else_asks_a_server_is_said(tmp_path: Path, fake: dict[str, Any], evidence: str | None) -> None:
    """Figures of a server that is shared are of both loads."""
    with somebodys(**fake) as url:
        found = reasons(only(ran_at(url, tmp_path)))
    assert evidence == (found["other_load"].evidence if "other_load" in found else None)


def test_two_servers_behind_one_url_are_two_points(tmp_path: Path) -> None:
    """The same one, started again with other blocks free, is done already; another version is measured."""
    port, firsts = claim_port(HOST, None), []
    servers = (("1.0", "7"), ("1.0", "9"), ("2.0", "9"))
    for version, blocks in servers:
        with somebodys(port=port, version=version, cache_config={"num_gpu_blocks": blocks}) as url:
            ran = ran_at(url, tmp_path, "-m")
        firsts.append(ran.out.partition(" to run")[0])
    assert [f"1 point: {done} done already, {left}" for done, left in ((0, 1), (1, 0), (0, 1))] == firsts
    assert ["1.0", "2.0"] == sorted(record.tags["vllm_version"] for record in ran.records)


def test_each_server_of_a_sweep_is_a_group_of_its_own(tmp_path: Path) -> None:
    """Two URLs, with two loads each; of one where nobody answers the points fail, and the others run."""
    nobody = f"http://{HOST}:{claim_port(HOST, None)}"
    with somebodys() as one, somebodys() as other:
        ran = ran_at(f"{one},{nobody},{other}", tmp_path, "-m", "workload.output_len=3,4")
    assert "6 points: 0 done already, 6 to run on 3 server starts" in ran.out
    ends = [(record.status, "No server answers there." in (record.error or "")) for record in ran.records]
    assert (1, [("failed", True)] * 2 + [("finished", False)] * 4) == (ran.code, sorted(ends))


def test_a_dry_run_needs_no_server(tmp_path: Path) -> None:
    """It is planned on a laptop, where nobody answers."""
    ran = ran_at(f"http://{HOST}:{claim_port(HOST, None)}", tmp_path, "dry_run=true")
    assert (0, True) == (ran.code, ran.out.startswith("1 point"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("127.0.0.1:8000", "is no URL"),
        ("ftp://127.0.0.1", "is no URL"),
        ("http://127.0.0.1:80000", "is no URL"),
        ("http://me:s3cret@127.0.0.1:8000", "has a user's name in it"),
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str, why: str) -> None:
    """By its key, without a password that is in it."""
    with pytest.raises(ConfigError) as refused:
        a_job("server=attach", f"server.base_url='{url}'")
    assert str(refused.value).startswith(f"server.base_url={url.replace('me:s3cret', '***')} {why}")
    assert "s3cret" not in str(refused.value)


def test_a_server_that_was_replaced_since_the_plan_is_refused() -> None:
    """Its result would be kept as that of the one before."""
    with somebodys(version="1.0") as url:
        job = a_job("server=attach", f"server.base_url={url}")
        assert job.said is not None
        planned = replace(job, said=replace(job.said, version="0.9"))
        assert "1.0" == attached(job).endpoint.version
        with pytest.raises(StartError, match="another one than when") as refused:
            attached(planned)
    assert "version 0.9, then 1.0" in str(refused.value)
