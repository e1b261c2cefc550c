"""Under which heading a place in a page stands."""

import pytest

from thorexp.measure.headings import names_over


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("### Qwen3-32B-AWQ\n", "Qwen3-32B-AWQ"),
        ("### Qwen3-32B-AWQ ###\n", "Qwen3-32B-AWQ"),
        ("## `Qwen/Qwen3-32B-AWQ`\n", "Qwen/Qwen3-32B-AWQ"),
        ("# One\n## Two\n", "Two"),
        ("# One\n# Two\n", "Two"),
        ("## Model\n### At high load\n", "Model"),
        ("## Model\n## At high load\n", None),
        ("# Results\n## Model\n## Another model\n", "Results"),
        ("## Model\n```bash\n# vllm\n```\n", "Model"),
        ("## Model\n```bash\n# vllm\n", "Model"),
        ("#Model\n", None),
        ("## Reports of it\n### Model (simulated)\n", "Model"),
        ("### Model (imported, engine.max_num_seqs=16, engine=[eager,kv_fp8])\n", "Model"),
        ("# Model\n## Results (measured on a Thor)\n", "Model"),
        ("# Model\n## Throughput (batch=8)\n", "Model"),
        ("plain\n", None),
        ("", None),
    ],
)
def test_a_place_is_under_the_nearest_heading_that_may_name_a_model(page: str, name: str | None) -> None:
    """One word, not in code, and not ended by a heading of its level; what comes behind the place is nothing to it."""
    assert [name] == list(names_over(f"{page}HERE\n# Later\n", [len(page)]))
