"""Where a server fell back to slower kernels, by its own log. Pure."""

import re
from dataclasses import dataclass

from thorexp.serve.log_lines import LONGEST, stripped


@dataclass(frozen=True, slots=True)
class SlowKernel:
    """`line`: the first of the log that says so. `remedy`: what makes it fast, or what to keep in mind."""

    line: str
    remedy: str


# Words of vLLM 0.32, whose file stands above them, unless another version does. Left out: what the configuration
# chose (eager mode), what only ROCm or XPU says, fallbacks that are as fast or that load, not serve, and what no one
# can change: "Not enough SMs to use max_autotune_gemm mode" of torch, which every Thor with its 20 prints.
KNOWN: tuple[tuple[str, str], ...] = (
    # model_executor/layers/fused_moe/fused_moe.py; on Thor: NVIDIA forum 364663. vLLM brings no file for Thor.
    (r"Using default MoE config",
     "tune with vLLM's benchmarks/kernels/benchmark_moe.py, then +server.env.VLLM_TUNED_CONFIG_FOLDER=/its/folder"),
    # model_executor/layers/quantization/utils/fp8_utils.py, once for each shape; reads no folder of one's own.
    (r"Using default W8A8 Block FP8 kernel config",
     "tune with vLLM's benchmarks/kernels/benchmark_w8a8_block_fp8.py, and put the file where the line says"),
    # model_executor/layers/mamba/ops/mamba_ssm.py
    (r"Using default Mamba SSU config",
     "a tuned file of the name that the line gives, in +server.env.VLLM_TUNED_CONFIG_FOLDER=/its/folder"),
    # lora/ops/triton_ops/utils.py
    (r"No LoRA kernel configs found in", "the file that the line names, or no VLLM_TUNED_CONFIG_FOLDER"),
    # model_executor/layers/quantization/utils/marlin_utils_fp8.py and marlin_utils_fp4.py
    (r"does not have native support for FP[48] computation",
     "a quantization that this GPU computes in, or a vLLM built for it: on Thor, which has both, 0.20 or newer"),
    # model_executor/kernels/linear/__init__.py; layers/fused_moe/experts/*_emulation_moe.py
    (r"falling back to the slow and unoptimized emulation|Using \w*Emulation\w*Experts M[Oo]E backend",
     "a vLLM or FlashInfer with a kernel of this quantization for this GPU, or another quantization"),
    # vLLM issue 4359; no longer in 0.32
    (r"quantization is not fully optimized yet", "leave out engine.quantization, so that vLLM takes its Marlin kernel"),
    # model_executor/layers/quantization/auto_awq.py and auto_gptq.py
    (r"Falling back to (?:unoptimized AWQ|Moe WNA16) kernels",
     "another quantization: Marlin does not take the shapes of this one"),
    # model_executor/layers/quantization/utils/marlin_utils.py
    (r"Marlin requires thread-tile padding",
     "another quantization or group size: Marlin pads the shapes of this one on every step"),
    # config/compilation.py, which only here gives up graphs of whole decode steps
    (r"CUDAGraphMode\.\w+ is not supported .*setting cudagraph_mode=(?:NONE|PIECEWISE)",
     "engine.attention_backend=<another one>: this one's decode cannot be captured in CUDA graphs"),
    # platforms/cuda.py
    (r"precluded higher-priority backend", "leave out engine.block_size"),
    # vLLM issues 7112 and 12656; no longer in 0.32
    (r"Cannot use FlashAttention-\d backend", "a newer vLLM, or one built with FlashAttention for this GPU"),
    # v1/sample/ops/topk_topp_sampler.py; the second from vLLM issue 17898, no longer in 0.32
    (r"FlashInfer top-p/top-k sampling unavailable|FlashInfer is not available\. Falling back to the PyTorch-native",
     "a FlashInfer built for this GPU and its CUDA; no matter where nothing is sampled (temperature 0)"),
    # model_executor/model_loader/utils.py
    (r"has no vLLM implementation, falling back to Transformers", "a vLLM that has this model's architecture"),
)  # fmt: skip


def slow_kernels(log: str) -> tuple[SlowKernel, ...]:
    """Each kind once, in the order of the log; none where no line says that a kernel is slow."""
    firsts: dict[str, SlowKernel] = {}
    for line in stripped(log.splitlines()):
        for pattern, remedy in KNOWN:
            if pattern not in firsts and re.search(pattern, line):
                firsts[pattern] = SlowKernel(line[:LONGEST], remedy)
    return tuple(firsts.values())
