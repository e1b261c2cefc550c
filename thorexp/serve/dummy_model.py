"""A model directory without weights: architecture and tokenizer, for vLLM's `--load-format dummy`.

Nothing is downloaded. The engine, its kernels and its scheduler are the real ones; only the numbers that they
multiply are random.
"""

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thorexp.errors import ConfigError, MachineError
from thorexp.whole_file import write_whole

BYTES = 256
CLASSES = {"qwen3": "Qwen3ForCausalLM", "qwen3_moe": "Qwen3MoeForCausalLM"}
MOE = {"decoder_sparse_step": 1, "norm_topk_prob": True, "mlp_only_layers": []}
BYTE_LEVEL = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_dummy_model(
    directory: Path,
    architecture: Mapping[str, Any],
    quantization: Mapping[str, Any] | None,
    prompt_token_ids: int,
) -> Path:
    """The directory, made if it is not there; its name is taken to stand for its content.

    `architecture` has the keys of a Hugging Face config.json, absent ones None; `quantization` is its
    quantization_config. Ids 0 to prompt_token_ids-1 are ordinary tokens, the specials follow.
    """
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for name, content in _files(architecture, quantization, prompt_token_ids):
            write_whole(partial / name, json.dumps(content, ensure_ascii=False).encode())
        partial.rename(directory)
    except (OSError, MachineError):
        shutil.rmtree(partial)
        if not directory.is_dir():  # else another job was first
            raise
    return directory


def check_dummy_model(architecture: Mapping[str, Any], ordinary: int) -> None:
    """ConfigError, by key, for an architecture that cannot be written here or a vocabulary that does not fit."""
    kind, room = architecture["model_type"], architecture["vocab_size"] - len(SPECIALS)
    if kind not in CLASSES:
        raise ConfigError(
            f"No model of random weights can be written for the architecture {kind}.",
            ("where", f"model.architecture.model_type={kind}"),
            ("try", " or ".join(f"model.architecture.model_type={known}" for known in CLASSES)),
        )
    if not BYTES <= ordinary <= room:
        raise ConfigError(
            "The vocabulary does not hold every byte, the ordinary tokens and the special ones.",
            ("where", f"model.prompt_token_ids={ordinary}, {BYTES} to {room} fit"),
            ("try", f"model.prompt_token_ids={min(max(ordinary, BYTES), room)}"),
        )


def _files(
    architecture: Mapping[str, Any], quantization: Mapping[str, Any] | None, ordinary: int
) -> Iterator[tuple[str, Any]]:
    eos = ordinary + SPECIALS.index("<|im_end|>")
    bos = ordinary + SPECIALS.index("<|endoftext|>")
    yield "config.json", _config(architecture, quantization) | {"eos_token_id": eos, "bos_token_id": bos}
    yield "generation_config.json", {"eos_token_id": eos, "bos_token_id": bos, "pad_token_id": bos}
    yield "tokenizer.json", _tokenizer(ordinary)
    yield (
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "model_max_length": architecture["max_position_embeddings"],
            "chat_template": CHAT_TEMPLATE,
        },
    )


def _config(architecture: Mapping[str, Any], quantization: Mapping[str, Any] | None) -> dict[str, Any]:
    kind = architecture["model_type"]
    known = {key: value for key, value in architecture.items() if value is not None}
    return {
        "architectures": [CLASSES[kind]],
        **known,
        **(MOE if kind == "qwen3_moe" else {}),
        **({} if quantization is None else {"quantization_config": dict(quantization)}),
        "attention_bias": False,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "torch_dtype": "bfloat16",
        "use_cache": True,
    }


def _tokenizer(ordinary: int) -> dict[str, Any]:
    """Byte-level BPE over made-up words of two syllables."""
    merges = list(itertools.islice(_merges(), ordinary - BYTES))
    words = [*_byte_symbols(), *("".join(pair) for pair in merges)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(content, ordinary + i) for i, content in enumerate(SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": {**BYTE_LEVEL, "add_prefix_space": False},
        "post_processor": None,
        "decoder": {**BYTE_LEVEL, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {word: i for i, word in enumerate(words)},
            "merges": [list(pair) for pair in merges],
        },
    }


def _merges() -> Iterator[tuple[str, str]]:
    """Consonant and vowel, a space before them, two such syllables with and without the space, then three."""
    syllables = [c + v for c in "bcdfghjklmnpqrstvwxyz" for v in "aeiou"]
    yield from ((s[0], s[1]) for s in syllables)
    yield from (("Ġ", s) for s in syllables)
    for start in ("Ġ", ""):
        yield from ((start + first, second) for first in syllables for second in syllables)
    yield from ((f"Ġ{first}{second}", third) for first in syllables for second in syllables for third in syllables)


def _byte_symbols() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]


def _special(content: str, token_id: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": token_id, "content": content, **flags}
