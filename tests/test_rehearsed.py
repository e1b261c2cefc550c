"""A rehearsal as a user plays it: commands, flags, loads and MLflow are real, the models are tiny."""

import csv
from pathlib import Path

import pytest

from tests.command_line import FAKE, Ran, servers_below, thorexp, tracked_runs
from thorexp.measure.findings import NAMES
from thorexp.measure.verdict import Verdict
from thorexp.rundir import ENGINE_ARGS, REPORT, RESULT, VERDICT

REHEARSED = "REHEARSED: a tiny model of random weights, no figure is of the model or the board"
OF_THE_BOARD = {"ttft_below_prefill_limit", "tpot_below_decode_limit", "batch_above_bandwidth", "other_machine"}
SWEEP = ("-m", "model=qwen3_32b_awq,qwen3_30b_a3b", "load=low", "load.num_prompts=2", "load.num_warmups=1")
SMALL = ("workload.input_len=64", "workload.output_len=8", f"server.command='{FAKE}'")
WORDS = (*SWEEP, *SMALL)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A sweep of two models for a Thor."""
    return thorexp(tmp_path_factory.mktemp("rehearsal"), *WORDS, "rehearse=true", "+engine.kv_cache_dtype=fp8")


def test_every_point_is_played_on_a_server_of_its_own(played: Ran) -> None:
    """Of which nothing is left."""
    assert (0, 2 * ["finished"]) == (played.code, [record.status for record in played.records]), played.err
    assert 2 == len({record.server_start_s for record in played.records} - {None})
    assert [] == servers_below(played.folder)


def test_the_flags_are_those_of_the_night(played: Ran) -> None:
    """With a model that is written here, and random weights."""
    for run_dir in played.run_dirs:
        args = {arg["name"]: (arg["value"], arg["source"]) for arg in run_dir.read_json(ENGINE_ARGS)}
        assert ("fp8", "command line") == args["kv_cache_dtype"]
        assert (8192, "hardware jetson_agx_thor") == args["max_model_len"]
        assert ("dummy", "rehearsal") == args["load_format"]
    models = {Path(result["model_id"]).name.rsplit("-", 1)[0] for result in played.results}
    assert {"rehearsed-qwen3_32b_awq-awq", "rehearsed-qwen3_30b_a3b-bf16"} == models


def test_each_record_says_that_it_is_a_rehearsal(played: Ran) -> None:
    """Above the report, in the verdict, in the result and in the tags."""
    for run_dir in played.run_dirs:
        said = (
            run_dir.read_text(REPORT).splitlines()[0],
            run_dir.read_json(VERDICT)["origin"],
            run_dir.read_json(RESULT)["thorexp"]["origin"],
            run_dir.record().tags["origin"],
        )
        assert (REHEARSED, "rehearsed", "rehearsed", "rehearsed") == said


def test_no_figure_is_held_against_the_board(played: Ran) -> None:
    """Neither its limits, nor the machine, are reasons; no share of its peaks is told."""
    for run_dir in played.run_dirs:
        verdict = run_dir.verdict() or Verdict()
        assert set() == {reason.name for reason in verdict.reasons} & OF_THE_BOARD
        assert OF_THE_BOARD <= set(NAMES)
        assert set() == {"mfu_percent", "mbu_percent"} & set(run_dir.read_json(RESULT)["thorexp"])
    assert "results will be SUSPECT" not in played.err


def test_no_point_of_the_table_is_the_best(played: Ran) -> None:
    """Every number has its mark, none the star of the best, as text and as CSV."""
    text = next(played.folder.glob("outputs/*/summary.txt")).read_text()
    lines = [line for line in text.splitlines() if line.startswith("│")]
    assert (2, 2) == (len(lines), sum("│reh " in line for line in lines))
    assert text.startswith("rehearsed: 2 of 2 jobs finished")
    assert "reh: rehearsed by a tiny model" in text
    assert all("^" in line and "*" not in line for line in lines)
    rows = list(csv.DictReader(next(played.folder.glob("outputs/*/summary.csv")).open()))
    assert 2 * ["rehearsed"] == [row["origin"] for row in rows]


def test_the_page_and_the_markdown_say_it(played: Ran) -> None:
    """And name no point to choose."""
    page, markdown = (
        next(played.folder.glob(f"outputs/*/{name}")).read_text() for name in ("report.html", "summary.md")
    )
    assert "rehearsed: 2 of 2 jobs finished" in page
    assert "Rehearsed by a tiny model of random weights, no figure is of the model or the board: all 2 points." in page
    assert "no points that compare: without numbers, rehearsed, or of several origins" in page
    assert "not held against each other" not in page
    assert 2 == markdown.count("| REHEARSED, ")
    assert "**" not in markdown


def test_mlflow_has_it_as_rehearsed(played: Ran) -> None:
    """In the tags that runs are filtered by, and in their names."""
    runs = tracked_runs(played.folder)
    jobs = [run.tags for run in runs if run.kind == "job"]
    assert 2 * [("rehearsed", "REHEARSED")] == [(tags["origin"], tags["verdict"].split(", ")[0]) for tags in jobs]
    assert 2 * ["rehearsed qwen3"] == [tags["mlflow.runName"][:15] for tags in jobs]
    assert ["rehearsed"] == [run.tags["origin"] for run in runs if run.kind == "sweep"]


def test_containers_are_rehearsed_without_docker(tmp_path: Path) -> None:
    """By the vLLM that is named."""
    words = (*WORDS[2:], "model=qwen3_32b_awq", "server=docker", "server.docker.client=no-such-docker", "tracking=off")
    ran = thorexp(tmp_path, *words, "rehearse=true")
    assert (0, ["finished"]) == (ran.code, [record.status for record in ran.records]), ran.err
    assert "in place of a container" in ran.err


def test_the_night_runs_all_of_it_for_the_first_time(played: Ran) -> None:
    """The same words without rehearse=true find nothing done, in a directory of their own, and learn no time."""
    night = thorexp(played.folder, *WORDS, "+engine.kv_cache_dtype=fp8", "tracking=off")
    assert 0 == night.code, night.err
    assert "2 points: 0 done already, 2 to run on 2 server starts; at least " in night.out
    measured = [record for record in night.records if record.tags["origin"] == "measured"]
    assert ["qwen3_30b_a3b", "qwen3_32b_awq"] == sorted(record.tags["model"] for record in measured)
    assert 2 == len({run_dir.path.parent for run_dir in night.run_dirs})


def test_a_rehearsal_goes_on_where_it_stopped(played: Ran) -> None:
    """By the same command, as any sweep."""
    again = thorexp(played.folder, *WORDS, "rehearse=true", "+engine.kv_cache_dtype=fp8", "tracking=off")
    assert 0 == again.code, again.err
    assert "2 points: 2 done already, 0 to rehearse on 0 server starts" in again.out


def test_the_night_does_not_go_on_in_the_directory_of_a_rehearsal(tmp_path: Path) -> None:
    """Not even where both were told of the same, and not the other way round."""
    words = (*WORDS, "model=qwen3_32b_awq", "tracking=off", "hydra.sweep.dir=outputs/night")
    rehearsal = thorexp(tmp_path, *words, "rehearse=true")
    assert 0 == rehearsal.code, rehearsal.err
    night = thorexp(tmp_path, *words)
    assert 1 == night.code
    assert "In the directory of this sweep there are rehearsals." in night.err
    assert 1 == len(night.records)


def test_a_misspelt_flag_fails_the_rehearsal_before_anything_starts(tmp_path: Path) -> None:
    """With the nearest name, and no record."""
    ran = thorexp(tmp_path, *WORDS, "rehearse=true", "+engine.max_num_seq=4")
    assert (1, ()) == (ran.code, ran.run_dirs)
    assert "try    engine.max_num_seqs" in ran.err


def test_a_result_of_a_rehearsal_is_judged_by_no_board_and_not_imported(played: Ran) -> None:
    """Neither its report nor its run directory becomes somebody's measurement."""
    import subprocess
    import sys

    (first, *_) = played.run_dirs
    said = [
        subprocess.run(
            [sys.executable, "-m", f"thorexp.{tool}", str(first.path / file), *words],
            cwd=played.folder, capture_output=True, text=True, check=False,
        )
        for tool, file, words in (
            ("judge", RESULT, ()),
            ("importer", REPORT, ("model=qwen3_32b_awq", "tracking=off")),
        )
    ]  # fmt: skip
    judged, refused = said
    assert (0, True) == (judged.returncode, "REHEARSED, " in judged.stdout), judged.stderr
    assert "faster" not in judged.stdout
    assert (1, True) == (refused.returncode, "A result was rehearsed, not measured." in refused.stderr)
