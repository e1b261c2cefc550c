"""What a search has found, in words and in the files of a sweep."""

from dataclasses import replace
from pathlib import Path

from thorexp.answers import ANSWERS_JSON, ANSWERS_MD, answer_lines, answer_metrics, keep_answers
from thorexp.measure.share import Share
from thorexp.sweep.slo_found import Found, Tried

KEEPS, MISSES = Tried(8, holds=True, share=Share(100, 100, 100)), Tried(9, holds=False, share=Share(0, 100, 100))


def found(point: str, *tried: Tried) -> Found:
    return Found(point, "max_concurrency", 0.95, tried)


def test_what_was_found_is_kept_and_read_back(tmp_path: Path) -> None:
    """A line a point, and the answers of those that have one."""
    kept = [found("model=a", KEEPS, MISSES), found("model=b", MISSES)]
    keep_answers(tmp_path, [each.answer for each in kept])
    assert tuple(map(str, kept)) == answer_lines(tmp_path)
    assert "".join(f"- {each}\n" for each in kept) == (tmp_path / ANSWERS_MD).read_text()
    assert {"max_under_slo/model=a": 8.0} == answer_metrics(tmp_path)


def test_a_sweep_that_goes_on_keeps_what_it_found_before(tmp_path: Path) -> None:
    """Of other points; of the same one the later answer counts."""
    keep_answers(tmp_path, [each.answer for each in [found("model=a", MISSES), found("model=b", KEEPS)]])
    keep_answers(tmp_path, [each.answer for each in [found("model=a", KEEPS)]])
    assert {"max_under_slo/model=a": 8.0, "max_under_slo/model=b": 8.0} == answer_metrics(tmp_path)


def test_a_point_has_one_answer_whatever_it_was_searched_with(tmp_path: Path) -> None:
    """Its name is what sets it apart from the others, and so changes with them."""
    alone = replace(found("model=a load=max_under_slo", MISSES), words=("model=a", "load=max_under_slo"))
    keep_answers(tmp_path, [alone.answer])
    keep_answers(tmp_path, [replace(found("model=a", KEEPS), words=("load=max_under_slo", "model=a")).answer])
    assert ({"max_under_slo/model=a": 8.0}, 1) == (answer_metrics(tmp_path), len(answer_lines(tmp_path)))


def test_without_a_search_nothing_is_said(tmp_path: Path) -> None:
    """Nor where the file was damaged."""
    assert () == answer_lines(tmp_path)
    (tmp_path / ANSWERS_JSON).write_text("{")
    assert () == answer_lines(tmp_path)


def test_more_load_that_keeps_better_is_said() -> None:
    """Where intervals leave no doubt: 96 to 100 % at 9, and less than 4 % at 8."""
    crossing = found("model=a", Tried(8, holds=False, share=MISSES.share), Tried(9, holds=True, share=KEEPS.share))
    assert "8 keeps it less than 9, so there may be other answers" in str(crossing)
    assert "other answers" not in str(found("model=a", KEEPS, MISSES))
