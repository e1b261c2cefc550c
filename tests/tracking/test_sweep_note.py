from thorexp.tracking.sweep_note import REPORTS, RUN_ID, note_of_sweep

HEADS = "| point | tok/s | verdict |\n| --- | ---: | --- |"


def a_summary(rows: int = 2, remarks: str = "? few_samples: load=low: P99 of 10 values") -> str:
    """As thorexp.results.markdown writes it."""
    table = "\n".join(f"| load=c{i} | {1000 - i}.00 | VALID |" for i in range(rows))
    facts = "- command: `python -m thorexp -m load=high,low`\n- hardware: jetson_agx_thor"
    whole = f"2 of 2 jobs finished\n\n{facts}\n\n{HEADS}\n{table}\n\n```text\n{remarks}\n```\n"
    return f"{whole}\n{REPORTS}\n\n### qwen3\n"


def test_the_table_follows_the_title() -> None:
    """MLflow folds all but the first lines."""
    title, table, *_ = note_of_sweep(a_summary(), "", ()).split("\n\n")
    assert "2 of 2 jobs finished" == title
    assert f"{HEADS}\n| load=c0 | 1000.00 | VALID |\n| load=c1 | 999.00 | VALID |" == table


def test_plots_are_shown_where_they_are() -> None:
    """By the address of the artifact; the id of the run is put in when there is one."""
    plots = [part for part in note_of_sweep(a_summary(), "", ("a.png", "sweep.json")).split("\n\n") if part[0] == "!"]
    assert [f"![a.png](get-artifact?path=a.png&run_uuid={RUN_ID})"] == plots


def test_a_run_id_is_as_long_as_what_stands_for_it() -> None:
    """So that the limit holds when it is put in."""
    assert 32 == len(RUN_ID)


def test_reports_are_left_to_the_file() -> None:
    """What stands under headings of its own is long."""
    assert "###" not in note_of_sweep(a_summary(), "", ())


def test_a_command_is_broken_into_words() -> None:
    """MLflow's page does not break a line of code."""
    words = "- command: `python` `-m` `thorexp` `-m` `load=high,low`"
    assert words in note_of_sweep(a_summary(), "", ()).splitlines()


def test_a_summary_without_the_command_gets_it() -> None:
    """As older ones are, and that of a sweep whose files show more than was asked for last."""
    assert "- command: `python` `-m` `thorexp` `load=low`" in note_of_sweep("All failed", "load=low", ())


def test_remarks_are_prose() -> None:
    """Without the fence that keeps them as they are laid out, and with what Markdown would take for its own."""
    lines = note_of_sweep(a_summary(remarks="* best of several\n\nload=low"), "", ()).splitlines()
    assert ["- \\* best of several", "", "- load=low"] == lines[lines.index("- \\* best of several") :][:3]


def test_of_a_long_table_the_best_rows_are_kept() -> None:
    """MLflow takes 8000 characters; a row is here whole or not at all, and what is left out is counted."""
    note = note_of_sweep(a_summary(rows=500), "", ("a.png",))
    lines = note.splitlines()
    kept = [line for line in lines if line.startswith("| load=")]
    assert [f"| load=c{i} | {1000 - i}.00 | VALID |" for i in range(len(kept))] == kept
    assert f"… {500 - len(kept)} more rows: summary.md" in lines
    assert 6000 < len(note) <= 8000


def test_long_remarks_are_cut_and_the_rest_is_there() -> None:
    """Where it is from and how to read it."""
    note = note_of_sweep(a_summary(remarks="x" * 9000), "", ("summary.md",))
    assert 8000 == len(note)
    assert "x…\n\n- command:" in note
    assert note.endswith("How to read the numbers: the description of the experiment.")


def test_a_sweep_without_a_summary_has_its_command() -> None:
    """It may have been interrupted before it wrote one."""
    assert note_of_sweep("", "load=low", ()).startswith("- command: `python`")


def test_a_remark_may_begin_as_a_heading() -> None:
    """Or as that of the reports: within a fence it is a line as any other."""
    lines = note_of_sweep(a_summary(remarks=f"load=low\n# died\n{REPORTS}\nat once"), "", ()).splitlines()
    assert ["- load=low", "- # died", f"- {REPORTS}", "- at once"] == lines[lines.index("- load=low") :][:4]
