"""A load that was: when each request of a trace came, and how long it was."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from reprlib import repr as short
from typing import Any

import numpy as np

from thorexp.errors import ConfigError
from thorexp.measure.strict_json import Place, is_whole, json_lines, json_value
from thorexp.measure.workload import LONGEST, Ask, Conversation, check_size

NS_PER_S = 1_000_000_000
COLUMNS = ("timestamp", "input_length", "output_length")
MOST_NS = 2**63 - 1
# Keeps the draws of blocks apart from all that a seed and one more number are used for.
BLOCKS = 0xB10C


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One request: `due_ns` after the first, lengths in tokens, and the line of the file that says so.

    `hash_ids`: one for each block of the prompt, equal where the prompts are equal up to the block's end; absent
    when the trace has none.
    """

    due_ns: int
    input_len: int
    output_len: int
    hash_ids: tuple[int, ...] | None
    line: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in the order they came. `where`: the file, as the user named it."""

    rows: tuple[TraceRow, ...]
    where: str


@dataclass(frozen=True, slots=True)
class TraceWorkload:
    """A trace with prompts of random token ids (0 to `token_ids`-1), which share what its hash ids share.

    A hash id's block is drawn from `seed` and the id alone, so other rows and another order leave it as it is.
    `block_len`: tokens that an id stands for; 512 in the traces of Mooncake (FAST 25 release).
    """

    trace: Trace
    token_ids: int
    seed: int
    block_len: int = 512

    def __post_init__(self) -> None:
        for key, value, least in (
            ("model.prompt_token_ids", self.token_ids, 1),
            ("workload.seed", self.seed, 0),
            ("workload.block_len", self.block_len, 1),
        ):
            if value < least:
                raise ConfigError(f"{key}={value} is too small.", ("try", f"{key}={least} or more"))
        if self.block_len > LONGEST:
            raise ConfigError(f"workload.block_len={self.block_len} is too large.", ("try", "workload.block_len=512"))
        for row in self.trace.rows:
            blocks = -(-row.input_len // self.block_len)
            if row.hash_ids is not None and len(row.hash_ids) != blocks:
                raise Place(self.trace.where, row.line).refuses(
                    f"A prompt of {row.input_len} tokens has {blocks} blocks of {self.block_len}.",
                    f"{len(row.hash_ids)} hash_ids",
                    "workload.block_len as the trace was made with",
                )

    def conversations(self, count: int | None, rng: np.random.Generator) -> tuple[Conversation, ...]:
        """The first `count` requests, absent for all. `rng` draws the prompts of rows without hash ids."""
        blocks: dict[int, tuple[int, ...]] = {}
        rows = self._first(count)
        check_size(len(rows), sum(row.input_len for row in rows), self.trace.where)
        return tuple((Ask(self._prompt(row, blocks, rng), row.output_len),) for row in rows)

    def due_ns(self, count: int | None, time_scale: float) -> tuple[int, ...]:
        """When the first `count` are due, absent for all, in ns after the first; a scale of 2 is half as fast.

        After the first of those that are here: a trace of which the first rows were left out begins with no pause.
        """
        if not 0 < time_scale < math.inf:
            raise ConfigError(f"load.time_scale={time_scale} is not above 0.", ("try", "load.time_scale=1.0"))
        rows = self._first(count)
        if rows and rows[-1].due_ns * time_scale > MOST_NS:
            raise ConfigError(f"load.time_scale={time_scale} is without end.", ("try", "load.time_scale=1.0"))
        return tuple(round((row.due_ns - rows[0].due_ns) * time_scale) for row in rows)

    def _first(self, count: int | None) -> tuple[TraceRow, ...]:
        total = len(self.trace.rows)
        if count is not None and count > total:
            raise ConfigError(
                f"The load asks {count} requests, the trace has {total}.",
                ("where", self.trace.where),
                ("try", f"load.num_prompts={total}, or a longer trace"),
            )
        return self.trace.rows[:count]

    def _prompt(self, row: TraceRow, blocks: dict[int, tuple[int, ...]], rng: np.random.Generator) -> tuple[int, ...]:
        if row.hash_ids is None:
            return tuple(rng.integers(0, self.token_ids, size=row.input_len).tolist())
        for hash_id in row.hash_ids:
            if hash_id not in blocks:
                blocks[hash_id] = self._block(hash_id)
        return tuple(islice(chain.from_iterable(blocks[hash_id] for hash_id in row.hash_ids), row.input_len))

    def _block(self, hash_id: int) -> tuple[int, ...]:
        rng = np.random.default_rng([self.seed, BLOCKS, hash_id])
        return tuple(rng.integers(0, self.token_ids, size=self.block_len).tolist())


def read_trace(text: str, where: str, *, timestamp_s: float) -> Trace:
    """CSV with a header, or JSONL where the first character is a brace. Refused with the line that is wrong.

    Columns or keys: `timestamp`, which never decreases, in units of `timestamp_s` seconds (0.001 in the traces
    of Mooncake); `input_length` and `output_length` in tokens, 1 or more; optional `hash_ids`, in CSV a JSON
    list or ids between spaces or semicolons. Others are not read.
    """
    if not 0 < timestamp_s < math.inf:
        raise ConfigError(
            f"workload.timestamp_s={timestamp_s} is no unit of time.",
            ("try", "workload.timestamp_s=0.001 for milliseconds"),
        )
    opening = re.search(r"\S", text)
    is_jsonl = opening is not None and opening.group() == "{"
    read = [
        (place, fields, _timestamp(place, fields))
        for place, fields in (json_lines(text, where) if is_jsonl else _csv_lines(text, where))
    ]
    if not read:
        raise ConfigError("The trace is empty.", ("where", where), ("try", f"rows of {','.join(COLUMNS)}"))
    for (earlier, _, before), (later, _, after) in pairwise(read):
        if after < before:
            found = f"{after}, after {before} on line {earlier.line}"
            raise later.refuses("The timestamps decrease.", found, "rows sorted by timestamp")
    first, unit_ns = read[0][2], timestamp_s * NS_PER_S
    return Trace(tuple(_row(place, fields, (stamp - first) * unit_ns) for place, fields, stamp in read), where)


def _row(place: Place, fields: Mapping[str, Any], due_ns: float) -> TraceRow:
    if not due_ns <= MOST_NS:
        raise place.refuses("This is due in centuries.", short(fields["timestamp"]), "workload.timestamp_s=0.001")
    input_len, output_len = (_length(place, fields, key) for key in COLUMNS[1:])
    return TraceRow(round(due_ns), input_len, output_len, _hash_ids(place, fields), place.line)


def _timestamp(place: Place, fields: Mapping[str, Any]) -> int | float:
    stamp = fields.get("timestamp")
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or abs(stamp) > MOST_NS:
        raise place.refuses("The timestamp is no number.", short(stamp), "seconds, or parts of them, from any start")
    return stamp


def _length(place: Place, fields: Mapping[str, Any], key: str) -> int:
    length = fields.get(key)
    if not is_whole(length, least=1) or length > LONGEST:
        raise place.refuses(f"{key} is no length.", short(length), f"an integer from 1 to {LONGEST}")
    return length


def _hash_ids(place: Place, fields: Mapping[str, Any]) -> tuple[int, ...] | None:
    hash_ids = fields.get("hash_ids")
    if hash_ids is None:
        return None
    if not isinstance(hash_ids, list) or not all(is_whole(hash_id, least=0) for hash_id in hash_ids):
        raise place.refuses("hash_ids are no list of ids.", short(hash_ids), "integers from 0 on")
    return tuple(hash_ids)


def _csv_lines(text: str, where: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each row below the header, its cells under their columns as JSON would have them."""
    lines = _csv_cells(text, where)
    place, header = next(lines, (Place(where, 1), []))
    columns = [column.strip() for column in header]
    if any(columns.count(column) != 1 for column in COLUMNS) or columns.count("hash_ids") > 1:
        raise place.refuses("The trace has no such header.", short(",".join(header)), ",".join(COLUMNS))
    for place, cells in lines:
        if len(cells) != len(columns):
            found = f"{len(cells)} cells: {short(','.join(cells))}"
            raise place.refuses(f"The header has {len(columns)} columns, this line not.", found, ",".join(columns))
        named = dict(zip(columns, cells, strict=True))
        fields: dict[str, Any] = {column: _number(place, named[column]) for column in COLUMNS}
        yield place, {**fields, "hash_ids": _id_list(place, named.get("hash_ids", ""))}


def _csv_cells(text: str, where: str) -> Iterator[tuple[Place, list[str]]]:
    """The lines that are not blank. A quoted cell may hold a line break; the place is where its row starts."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in rows:
            if len(cells) > 1 or "".join(cells).strip():
                yield Place(where, line), cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise Place(where, line).refuses("This is not CSV.", str(error), ",".join(COLUMNS)) from None


def _number(place: Place, cell: str) -> Any:
    """What JSON makes of a cell; where that is nothing the cell itself, which no rule then takes."""
    try:
        return json_value(cell, place)
    except ConfigError:
        return cell


def _id_list(place: Place, cell: str) -> Any:
    cell = cell.strip()
    if not cell or cell.startswith("["):
        return _number(place, cell) if cell else None
    return [_number(place, word) for word in re.split(r"[\s;]+", cell)]
