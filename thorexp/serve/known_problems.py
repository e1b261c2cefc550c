"""Known problems of a server that lives, by its version, its board and its log. Pure.

Why one that died did is `diagnose`, which lines tell of a slow kernel is `kernels`; here stands what they leave open.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from thorexp.serve.log_lines import LONGEST, stripped

FIRST_FOR_THOR = (0, 20)
NEWER = "server=docker hardware.image=vllm/vllm-openai:latest, or any vLLM from 0.20 on"
DISABLED = "VLLM_DISABLED_KERNELS"

# vLLM in images that carry another version than their own: NVIDIA's catalogue, in thorexp's notes on Thor.
OF_IMAGES: Mapping[str, str] = {
    "nvidia/tritonserver:25.08-vllm": "0.9.2",
    "nvidia/vllm:25.09-": "0.10.1",
    "nvidia/vllm:25.11-": "0.11",
    "nvidia/vllm:26.02-": "0.15.1",
    "nvidia/vllm:26.04-": "0.19.0",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What serves. `vllm`: its version, absent where it is not known. `compute_dtype` and `checkpoint_method`: of the
    quantization, the latter absent for none; `bits`: of its weights. `env`: of the server.
    """

    vllm: str | None
    is_thor: bool
    compute_dtype: str
    checkpoint_method: str | None = None
    bits: float = 16.0
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One that was recognised. `evidence`: by which; `source`: who says so; `is_doubtful`: so are figures."""

    name: str
    evidence: str
    meaning: str
    remedy: str
    source: str
    is_doubtful: bool

    @property
    def words(self) -> str:
        """In a line."""
        return f"{self.name}: {self.meaning} ({self.evidence}; {self.source})"


@dataclass(frozen=True, slots=True)
class _Row:
    """`seen`: the evidence in a setting and a log, absent without. `kills`: told beforehand alone, since no server that
    lives has it.
    """

    name: str
    seen: Callable[[Setting, str], str | None]
    meaning: str
    remedy: str
    source: str
    is_doubtful: bool = False
    kills: bool = False


def _old_fp8(setting: Setting, _log: str) -> str | None:
    is_fp8 = setting.compute_dtype == "fp8"
    return f"vLLM {setting.vllm}, weights computed in fp8" if is_fp8 and _is_old_on_thor(setting) else None


def _old(setting: Setting, _log: str) -> str | None:
    return f"vLLM {setting.vllm}" if _is_old_on_thor(setting) else None


def _machete(setting: Setting, _log: str) -> str | None:
    version = _version(setting.vllm)
    is_hit = setting.checkpoint_method == "compressed-tensors" and setting.bits < 8
    is_off = "MacheteLinearKernel" in setting.env.get(DISABLED, "")
    if not setting.is_thor or not is_hit or is_off or version is None or not (0, 10) <= version < (0, 11):
        return None
    return f"vLLM {setting.vllm}, a checkpoint of compressed-tensors in 4 bits"


def _few_sms(_setting: Setting, log: str) -> str | None:
    return _line(r"Not enough SMs to use max_autotune_gemm mode", log)


KNOWN: tuple[_Row, ...] = (
    _Row(
        "fp8_before_0_20", _old_fp8,
        "before 0.20 kernels of FP8 on Thor may compute nothing: answers of \"!!!!\" at any speed",
        f"{NEWER}; or read samples.json, then verdict.accept=[known_problem]",
        "vllm #27364, #39712, #41260", is_doubtful=True,
    ),
    _Row(
        "vllm_before_0_20", _old,
        "before 0.20 vLLM is no valid test of a Thor, NVIDIA says: kernels for sm_110 are missing or fall back",
        NEWER, "NVIDIA/skills, jetson-llm-serve; vllm #39233, #39878",
    ),
    _Row(
        "machete", _machete,
        "Machete, a kernel for Hopper, is chosen and fails on Thor",
        f"+server.env.{DISABLED}=MacheteLinearKernel", "AastaNV/JetPack_7.0, vllm_benchmark_server.sh", kills=True,
    ),
    _Row(
        "few_sms", _few_sms,
        "torch tunes no GEMM on a GPU of so few multiprocessors, as every Thor is with its 20",
        "nothing to be done: to compare with what was measured on the same board", "NVIDIA forum 364663",
    ),
)  # fmt: skip


def beforehand(setting: Setting) -> tuple[Problem, ...]:
    """What can be told before a server starts; none where its version is not known."""
    return tuple(_problems(setting, "", KNOWN))


def problems(setting: Setting, log: str) -> tuple[Problem, ...]:
    """Of a server that answers, each once."""
    return tuple(_problems(setting, log, (row for row in KNOWN if not row.kills)))


def image_version(image: str) -> str | None:
    """Of the vLLM in an image, by its name; absent where that does not tell, as of `latest`."""
    name = image.partition("@")[0]
    for part, version in OF_IMAGES.items():
        if part in name:
            return version
    found = re.search(r"/vllm-openai:v(\d+\.\d+(?:\.\d+)*)", name)
    return found[1] if found else None


def _problems(setting: Setting, log: str, rows: Iterator[_Row] | tuple[_Row, ...]) -> Iterator[Problem]:
    """The general is not told beside the particular: an old vLLM is one problem."""
    told: set[str] = set()
    for row in rows:
        evidence = row.seen(setting, log)
        if evidence is None or (row.seen is _old and "fp8_before_0_20" in told):
            continue
        told.add(row.name)
        yield Problem(row.name, evidence, row.meaning, row.remedy, row.source, row.is_doubtful)


def _is_old_on_thor(setting: Setting) -> bool:
    version = _version(setting.vllm)
    return setting.is_thor and version is not None and version < FIRST_FOR_THOR


def _version(said: str | None) -> tuple[int, int] | None:
    """Major and minor; absent for a build of a checkout that knows no tags, which calls itself 0.1.dev."""
    found = re.match(r"(\d+)\.(\d+)", said or "")
    return None if found is None or re.match(r"0\.[01]\.?dev", said or "") else (int(found[1]), int(found[2]))


def _line(pattern: str, log: str) -> str | None:
    found = next((line for line in stripped(log.splitlines()) if re.search(pattern, line)), None)
    return None if found is None else found[:LONGEST]
