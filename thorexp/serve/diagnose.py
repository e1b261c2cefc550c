"""Why a server died: from its log to a cause and a remedy. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from thorexp.serve.log_lines import LONGEST, stripped

LAST_LINES = 8
SIGKILL = -9


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`cause`: the telling line of the log. `remedy`: absent for what is not known. `last`: the log's end.

    `lacks_memory`: another try may find more of it.
    """

    cause: str
    remedy: str | None
    last: tuple[str, ...]
    lacks_memory: bool = False


# The first that a line matches wins, so the particular stands before the general. Sources: vLLM 0.32 run on a
# CPU, and the issues of vLLM and Jetson projects that report the rest.
KNOWN: tuple[tuple[str, str], ...] = (
    (r"Value 'sm_1\d\da?' is not defined for option 'gpu-name'",
     "+server.env.TRITON_PTXAS_PATH=/usr/local/cuda/bin/ptxas: Triton's own ptxas does not know this GPU"),
    (r"no kernel image is available", "a vLLM built for this GPU: on Thor 0.20 or newer, or NVIDIA's image"),
    (r"Free memory on device .* is less than desired GPU memory utilization",
     "engine.gpu_memory_utilization=0.7, or give back the page cache: "
     "sync; echo 3 | sudo tee /proc/sys/vm/drop_caches"),
    (r"No available memory for the cache blocks",
     "engine.gpu_memory_utilization=0.9, or engine.max_model_len=4096, or a smaller quantization"),
    (r"User-specified max_model_len .*max_position_embeddings=(\d+)", "engine.max_model_len={0}"),
    (r"KV cache is needed, .* the estimated maximum model length is (\d+)",
     "engine.max_model_len={0}, or engine.gpu_memory_utilization=0.9"),
    (r"KV cache is needed, which is larger than the available KV cache memory|"
     r"larger than the maximum number of tokens that can be stored in KV cache",
     "engine.max_model_len=4096, or engine.gpu_memory_utilization=0.9"),
    (r"out of memory|OutOfMemoryError|Cannot allocate memory|NvMapMemAlloc",
     "engine.gpu_memory_utilization=0.8, engine.max_model_len=4096 or engine.max_num_seqs=8"),
    (r"unrecognized arguments|invalid choice|argument --\S+: ", "the engine argument that the line names"),
    (r"Address already in use|address already in use", "server.port=null for a free port"),
    (r"No WNA16 MoE backend supports|Failed to find a kernel that can implement the \w+ linear layer",
     "another quantization: this vLLM has no kernel for this one on this hardware"),
    (r"CHECK_EQ\(mat1\.size\(1\), K\) failed",
     "another quantization: this vLLM's kernel for this one fails on this hardware"),
    (r"LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to|Temporary failure in name resolution",
     "download the model first, or model.repository=/path/to/the/model"),
    (r"RepositoryNotFoundError|is not a local folder and is not a valid model identifier",
     "model.repository=<a repository or directory that exists>"),
    (r"GatedRepoError|gated repo", "ask for access to the repository and set HF_TOKEN in the environment"),
    (r"trust_remote_code=True", "engine.trust_remote_code=true, if you trust the repository"),
    (r"[Mm]odel architectures? .* (?:is|are) not supported|Cannot find model module",
     "a newer vLLM, or a model that this one knows"),
    (r"Failed core proc\(s\): .*: -9",
     "`dmesg` says who killed it; if it was for lack of memory, engine.gpu_memory_utilization=0.7"),
    (r"Worker proc \S+ died unexpectedly",
     "`dmesg` says who killed it; if it was for lack of memory, engine.gpu_memory_utilization=0.7"),
    (r"^(?:ModuleNotFoundError|ImportError): ", "install what is missing into the environment that vLLM runs in"),
)  # fmt: skip

LACKS_MEMORY = re.compile(
    r"Free memory on device .* is less than|No available memory for|out of memory|OutOfMemoryError|"
    r"Cannot allocate memory|NvMapMemAlloc|Failed core proc\(s\): .*: -9|"
    r"Worker proc \S+ died unexpectedly.*: -9"
)

# Pydantic says what is wrong on the line after its exception.
EXCEPTION = re.compile(r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b|Value error, ).*")
CHATTER = re.compile(r"^\s*(?:\([\w.]+ ?pid=\d+\)\s*)?(?:DEBUG|INFO) \d\d-\d\d |.*\] Dumping ")
NOISE = re.compile(r"^(?:nanobind: | - leaked | - \.\.\. skipped|See https://nanobind)")
GENERIC = re.compile(r"Engine core initialization failed|EngineDeadError|EngineCore encountered an issue")


def diagnose(log: str, returncode: int | None) -> Diagnosis:
    """The cause and what to try. `returncode`: negative for a signal, absent if it is not known."""
    printed = [line for line in log.splitlines() if not NOISE.match(line)]
    last = tuple(line[:LONGEST] for line in stripped(printed)[-LAST_LINES:])
    # vLLM prints its whole config, with the names of everything that could be wrong.
    lines = stripped(line for line in printed if not CHATTER.match(line))
    for pattern, remedy in KNOWN:
        if found := _last_match(re.compile(pattern), lines):
            memory = LACKS_MEMORY.search(found.string) is not None
            return Diagnosis(found.string[:LONGEST], remedy.format(*found.groups()), last, memory)
    if returncode == SIGKILL:
        return Diagnosis(
            "it was killed (SIGKILL), most likely for lack of memory",
            "engine.gpu_memory_utilization=0.7 or a smaller model; `dmesg` says who killed it",
            last,
            lacks_memory=True,
        )
    exceptions = [line for line in lines if EXCEPTION.match(line)]
    telling = [line for line in exceptions if not GENERIC.search(line)]
    return Diagnosis(next(reversed(telling or exceptions or lines), "it printed nothing"), None, last)


def _last_match(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((found for line in reversed(lines) if (found := pattern.search(line))), None)
