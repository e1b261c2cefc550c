"""How much of a load a prefix cache can find, at most."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile

import numpy as np

from thorexp.measure.plan import LoadPlan


@dataclass(frozen=True, slots=True)
class Reuse:
    """How much of the requests sent a cache can find. `total`: of all together. `each`: by index, the most of one,
    whoever came first.
    """

    total: int
    each: Mapping[int, int]


def reuse_of(plan: LoadPlan, sent: Set[int], block: int = 16) -> Reuse | None:
    """Of what was `sent` of a plan, by index: leading full blocks that an earlier prompt has, as vLLM counts hits.

    vLLM's automatic prefix caching (V1, `v1/core/kv_cache_manager.py`; blocks of 16 tokens by default) knows a block by
    its tokens and all before it, and never finds a whole prompt: the last token is computed again, so of n tokens at
    most (n-1)//block blocks are found. A bound: the cache is taken to be large enough, and each prompt to be computed
    before the next is asked; what is generated is not counted, but for conversations.

    A later turn finds all that was said before it, the answer too: of a request and its answer of n tokens together
    (n-1)//block blocks, for the last token's KV is never computed. Absent for a plan that is not in token ids, or
    has lengths to be counted yet.
    """
    requests = [request for request in plan.requests if request.index in sent]
    firsts = {request.index: request.ask.token_ids for request in requests if request.follows is None}
    known = {index: ids for index, ids in firsts.items() if ids is not None}
    if len(known) < len(firsts) or plan.input_tokens is None or plan.output_tokens is None:
        return None
    lengths = plan.lengths
    before = {request.index: lengths[request.follows] for request in requests if request.follows is not None}
    chains = {index: _chain(ids, block) for index, ids in known.items()}
    owners = Counter(digest for chain in chains.values() for digest in chain)
    shared = {
        index: sum(1 for _ in takewhile(lambda digest: owners[digest] > 1, chain)) * block
        for index, chain in chains.items()
    }
    later = sum((length - 1) // block * block for length in before.values())
    return Reuse(_found(chains, known, block) + later, shared | before)


def _found(chains: Mapping[int, list[bytes]], prompts: Mapping[int, Sequence[int]], block: int) -> int:
    """In the order of the prompts."""
    seen: set[bytes] = set()
    found = 0
    for index, blocks in chains.items():
        hits = next((i for i, digest in enumerate(blocks) if digest not in seen), len(blocks))
        seen.update(blocks[hits:])
        found += min(hits, (len(prompts[index]) - 1) // block) * block if blocks else 0
    return found


def _chain(prompt: Sequence[int], block: int) -> list[bytes]:
    """A digest for each full block, of its tokens and the digest before it."""
    content = np.asarray(prompt, dtype=np.int64).tobytes()
    width = block * np.dtype(np.int64).itemsize
    digests, parent = [], b""
    for start in range(0, len(content) - width + 1, width):
        parent = blake2b(parent + content[start : start + width], digest_size=8).digest()
        digests.append(parent)
    return digests
