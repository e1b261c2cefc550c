"""Results of others are judged, or refused with the file that they are in."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import foreign
from tests.fuzz.bounded import bounded, trying
from tests.fuzz.broken import broken_json, cut_up
from tests.test_judge import RESULT
from thorexp import conf_tree, published
from thorexp.errors import ConfigError, RecordError
from thorexp.importer import imports, keep
from thorexp.judge import table
from thorexp.published import judge_one
from thorexp.result_files import read

PAGE = (Path("conf") / "baseline" / "thor_blog_2025_10.md").read_bytes()
REPORT = PAGE[PAGE.index(b"#") :][:3000]
SAVED: tuple[Any, ...] = (
    RESULT,
    [RESULT, RESULT | {"model_id": "Qwen/Qwen3-32B-AWQ", "date": "20250101-120000", "request_rate": "inf"}],
    foreign.a_report(foreign.a_benchmark(foreign.a_request(), foreign.a_request(), foreign.a_request())),
    foreign.an_export(),
)
FILES = st.one_of(*map(broken_json, SAVED), cut_up(REPORT))


@pytest.fixture(autouse=True, scope="module")
def composed_once() -> Iterator[None]:
    """To compose takes a tenth of a second, and few words are typed."""
    with pytest.MonkeyPatch.context() as patched:
        once = cache(conf_tree.tree_of)
        patched.setattr(published, "tree_of", lambda words: once(tuple(words)))
        yield


def judged(content: bytes, suffix: str, imported: bool) -> str:
    """The table, or why there is none."""
    with TemporaryDirectory() as folder, bounded():
        file = Path(folder) / f"results{suffix}"
        file.write_bytes(content)
        try:
            if imported:
                found = list(imports(file, ["tracking=off"]))
                for each in found:
                    keep(each, Path(folder) / "imported")
                return "\n".join(table([each.judged for each in found]))
            return "\n".join(table([judge_one(values, [], file) for values in read(file)]))
        except RecordError as refused:
            said = str(refused)
            known = str(file) in said or "is no mapping" in said
        except ConfigError as refused:
            return str(refused)
    assert known, said
    return said


@trying(50)
@given(FILES, st.sampled_from((".json", ".txt", ".jsonl")))
def test_files_are_judged(content: bytes, suffix: str) -> None:
    """Whoever wrote them."""
    judged(content, suffix, imported=False).encode()


@trying(25)
@given(FILES, st.sampled_from((".json", ".txt")))
def test_files_are_imported(content: bytes, suffix: str) -> None:
    """And kept."""
    judged(content, suffix, imported=True).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 10000000,
        b"{" * 1000000,
        b"=" * 10000000,
        b"a: 1\n" * 1000000,
        b"\n" * 10000000,
        b'{"a": 1}\n' * 300000,
        b"============ Serving Benchmark Result ============\n" * 50000,
    ],
    ids=["brackets", "braces", "a rule", "lines", "blank lines", "values", "heads"],
)
def test_large_files_take_time_in_proportion(content: bytes) -> None:
    """Of which nothing is a result."""
    judged(content, ".json", imported=False)
