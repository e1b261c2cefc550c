"""How much of a load a prefix cache can find, at most."""

from collections.abc import Iterable, Sequence, Set
from hashlib import blake2b

import numpy as np

from thorexp.measure.plan import LoadPlan


def reusable_tokens(prompts: Iterable[Sequence[int]], block: int = 16) -> int:
    """Tokens of leading full blocks that an earlier prompt of the same load has, counted as vLLM counts hits.

    vLLM's automatic prefix caching (V1, `v1/core/kv_cache_manager.py`; blocks of 16 tokens by default) knows a
    block by its tokens and all before it, and never finds a whole prompt: the last token is computed again, so
    of n tokens at most (n-1)//block blocks are found. A bound: the cache is taken to be large enough, and each
    prompt to be computed before the next is asked; what is generated is not counted.
    """
    seen: set[bytes] = set()
    found = 0
    for prompt in prompts:
        blocks = _chain(prompt, block)
        hits = next((i for i, digest in enumerate(blocks) if digest not in seen), len(blocks))
        seen.update(blocks[hits:])
        found += min(hits, (len(prompt) - 1) // block) * block if blocks else 0
    return found


def reusable_of(plan: LoadPlan, sent: Set[int], block: int = 16) -> int | None:
    """The same of what was `sent` of a plan, by index.

    A later turn finds all that was said before it, the answer too: of a request and its answer of n tokens together
    (n-1)//block blocks, for the last token's KV is never computed. Absent for a plan that is not in token ids, or
    has lengths to be counted yet.
    """
    requests = [request for request in plan.requests if request.index in sent]
    firsts = [request.ask.token_ids for request in requests if request.follows is None]
    known = [ids for ids in firsts if ids is not None]
    if len(known) < len(firsts) or plan.input_tokens is None or plan.output_tokens is None:
        return None
    lengths = plan.lengths
    before = [lengths[request.follows] for request in requests if request.follows is not None]
    return reusable_tokens(known, block) + sum((length - 1) // block * block for length in before)


def _chain(prompt: Sequence[int], block: int) -> list[bytes]:
    """A digest for each full block, of its tokens and the digest before it."""
    content = np.asarray(prompt, dtype=np.int64).tobytes()
    width = block * np.dtype(np.int64).itemsize
    digests, parent = [], b""
    for start in range(0, len(content) - width + 1, width):
        parent = blake2b(parent + content[start : start + width], digest_size=16).digest()
        digests.append(parent)
    return digests
