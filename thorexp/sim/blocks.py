"""The KV cache in blocks, with the blocks of earlier prompts in it until their room is needed. Pure.

After vLLM 0.32, `v1/core/block_pool.py` and `kv_cache_manager.py`: a block is known by all tokens up to its end;
blocks that nobody uses are kept, and the one that was left longest ago goes first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence


class Blocks:
    """So many blocks of `size` tokens. Without `caching` a block that is given back is forgotten."""

    def __init__(self, count: int, size: int, *, caching: bool) -> None:
        self.count, self.size, self.caching = count, size, caching
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(count))
        self._users = [0] * count
        self._key_of: dict[int, int] = {}
        self._by_key: dict[int, int] = {}

    @property
    def used(self) -> int:
        """Blocks that some sequence has."""
        return self.count - len(self._free)

    def found(self, keys: Iterable[int]) -> list[int]:
        """The blocks of the leading keys that are all there."""
        blocks = []
        for key in keys if self.caching else ():
            if (block := self._by_key.get(key)) is None:
                break
            blocks.append(block)
        return blocks

    def take(self, found: Sequence[int], fresh: int) -> list[int] | None:
        """Those that were found, and so many fresh ones behind them; absent, and nothing taken, where there is no
        room.
        """
        if not self.has_room(found, fresh):
            return None
        for block in found:
            if not self._users[block]:
                del self._free[block]
            self._users[block] += 1
        return [*found, *(self._take_one() for _ in range(fresh))]

    def has_room(self, found: Sequence[int], fresh: int) -> bool:
        """Whether these and so many fresh ones can be taken."""
        return fresh + sum(not self._users[block] for block in found) <= len(self._free)

    def _take_one(self) -> int:
        block, _ = self._free.popitem(last=False)
        self._users[block] = 1
        self._forget(block)
        return block

    def remember(self, block: int, key: int) -> None:
        """That block holds these tokens now. Of two that hold the same the first is found."""
        if self.caching and key not in self._by_key:
            self._by_key[key] = block
            self._key_of[block] = key

    def give_back(self, blocks: Sequence[int]) -> None:
        """By a sequence that ends. When room is needed, what nobody can find goes first, then the last of a sequence
        before its first, since others begin alike.
        """
        for block in reversed(blocks):
            self._users[block] -= 1
            if not self._users[block]:
                self._free[block] = None
                if block not in self._key_of:
                    self._free.move_to_end(block, last=False)

    def reset(self) -> bool:
        """Forget all; whether that could be, which is when nobody uses any."""
        if self.used:
            return False
        self._key_of.clear()
        self._by_key.clear()
        return True

    def _forget(self, block: int) -> None:
        key = self._key_of.pop(block, None)
        if key is not None:
            del self._by_key[key]


def keys_of(tokens: Sequence[int], size: int, before: int = 0, begin: int = 0) -> Iterator[int]:
    """A key for each full block of the tokens from `begin` on, a multiple of `size`, made of all tokens up to its
    end; `before`: the key of the block that ends there, 0 for none.

    Python's hash of integers is the same in every process.
    """
    key = before
    for end in range(begin + size, len(tokens) + 1, size):
        key = hash((key, *tokens[end - size : end]))
        yield key
