"""Why a server died: from its log to a cause and a remedy. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from thorexp.serve.log_lines import LONGEST, stripped

LAST_LINES = 8
COMPILING_LINES = 20
SIGKILL = (-9, 137)  # 137: as a shell and `docker run` say it


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
    (r"unknown or invalid runtime name: nvidia|Unknown runtime specified nvidia",
     "install nvidia-container-toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && "
     "sudo systemctl restart docker; without a GPU: hardware.docker_args=[]"),
    (r"could not select device driver .*\[\[gpu\]\]",
     "install nvidia-container-toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && "
     "sudo systemctl restart docker; on a Jetson hardware.docker_args=[--runtime,nvidia]"),
    (r"nvidia-container-cli: |failed to inject CDI devices|unresolvable CDI devices",
     "the GPU's driver, as a container sees it: nvidia-smi on the host, then nvidia-ctk cdi list"),
    (r"exec: \"?[^\"]+\"?: (?:executable file not found|stat .*no such file)|vllm: cannot execute|: exec format error",
     "server.command=… as the image has it, or server.docker.entrypoint=…; an image of this machine's architecture"),
    (r"^unknown (?:shorthand )?flag: |^invalid argument .* for \"--?\S+\" flag|^docker: invalid ",
     "server.docker.args and hardware.docker_args are words of `docker run`: docker run --help"),
    (r"bind source path does not exist|invalid mount config|invalid volume specification",
     "server.docker.volumes=[HOST:CONTAINER]"),
    (r"docker: .*permission denied while trying to connect", "server.docker.client='sudo -n docker'"),
    (r"Cannot connect to the Docker daemon|[Ff]ailed to connect to the docker API",
     "sudo systemctl start docker; if it died: sudo journalctl -u docker"),
    (r"docker: .*No such image", "the image was removed meanwhile: start again, and it is pulled"),
    (r"docker: .*no space left on device", "docker system df says of what; docker image prune --all makes room"),
    (r"Value 'sm_1\d\da?' is not defined for option 'gpu-name'",
     "+server.env.TRITON_PTXAS_PATH=/usr/local/cuda/bin/ptxas: Triton's own ptxas does not know this GPU"),
    # NVIDIA's vLLM 25.09 on Thor: AastaNV/JetPack_7.0; of vllm issue 23911 the calls that a trace shows.
    (r"\bmachete_(?:mm|prepack_B|supported_schedules)\b",
     "+server.env.VLLM_DISABLED_KERNELS=MacheteLinearKernel: Machete is a kernel for Hopper"),
    (r"no kernel image is available",
     "a vLLM built for this GPU: server=docker hardware.image=vllm/vllm-openai:latest, which from 0.20 on knows Thor, "
     "or hardware.image=ghcr.io/nvidia-ai-iot/vllm:latest-jetson-thor"),
    # flashinfer issues 3344 and 3134: printed by the kernel, whereupon any other call of CUDA fails.
    (r"[Tt]his kernel only supports sm100f|TllmGen\w+.*Unsupported architecture",
     "engine.attention_backend=TRITON_ATTN, for a model with experts also engine.moe_backend=triton: FlashInfer's "
     "trtllm-gen has no kernels for this GPU"),
    # vllm issue 38411: of the FlashAttention in the wheel.
    (r"cudaErrorUnsupportedPtxVersion|PTX was compiled with an unsupported toolchain",
     "engine.attention_backend=TRITON_ATTN, or server=docker hardware.image=nvcr.io/nvidia/vllm:26.04-py3"),
    (r"\b_vllm_fa3_C\b|\bflash_attn_3\b|FlashAttention[- ]?3 .*(?:not supported|requires|only)|"
     r"\bFA3 .*(?:not supported|requires|only)",
     "engine.attention_backend=TRITON_ATTN: FlashAttention 3 needs a Hopper"),
    # Hugging Face, patrickbdevaney/qwen-3.6-35b-a3b-dflash-jetson-agx-thor, of NVFP4; the names are those of vLLM 0.32.
    (r"\bmoe_wna16_marlin_gemm\b|\bfused_marlin_moe\b",
     "engine.moe_backend=cutlass engine.attention_backend=TRITON_ATTN"),
    (r"Free memory on device .* is less than desired GPU memory utilization",
     "hardware.prepare.drop_caches=true, which gives back the page cache that CUDA may count as used (by hand: "
     "sync; echo 3 | sudo tee /proc/sys/vm/drop_caches), or engine.gpu_memory_utilization=0.7"),
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
     "another quantization: this vLLM has no kernel for this one on this hardware; a CPU lacks many that a GPU has"),
    (r"_C::\w+\(\) expected at most 0 argument",
     "another quantization: this vLLM was built without the kernel for this one, as those for CPUs are for some"),
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

# Of a server that was given up since it was not ready in time. On a Thor FlashInfer compiles for up to 45 minutes
# (nemotron-voice-agent, jetson-thor.md).
STILL_COMPILING = re.compile(r"flashinfer\.jit|[Nn]inja|Building extension module|Compiling a graph for|\bnvcc ")
COMPILING = (
    "server.ready_timeout_s=3600: it was compiling kernels, once for a cache that is kept "
    "(~/.cache/vllm, ~/.cache/flashinfer; of a container server.docker.volumes)"
)

# Pydantic says what is wrong on the line after its exception.
EXCEPTION = re.compile(r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b|Value error, ).*")
CHATTER = re.compile(r"^\s*(?:\([\w.]+ ?pid=\d+\)\s*)?(?:DEBUG|INFO) \d\d-\d\d |.*\] Dumping ")
NOISE = re.compile(r"^(?:nanobind: | - leaked | - \.\.\. skipped|See https://nanobind|(?:See|Run) 'docker .*--help')")
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
    if returncode is None and (compiling := _last_match(STILL_COMPILING, stripped(printed[-COMPILING_LINES:]))):
        return Diagnosis(compiling.string[:LONGEST], COMPILING, last)
    if returncode in SIGKILL:
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
