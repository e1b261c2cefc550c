"""Slow kernels, from a server's log."""

import pytest

from thorexp.serve.kernels import SlowKernel, slow_kernels

# Of a real vLLM 0.32.0 on a CPU with Qwen3 and Qwen3 MoE, shortened: all that sounds like it and is no fallback.
CLEAN = """\
Triton is installed, but doesn't include CPU backend. Disabling Triton.
(APIServer pid=22222) INFO 11-25 02:54:59 [api_utils.py:286] non-default args: {'enforce_eager': True}
(APIServer pid=22222) INFO 11-25 02:55:07 [model.py:733] Resolved architecture: Qwen3MoeForCausalLM
(APIServer pid=22222) WARNING 11-25 02:55:07 [vllm.py:1703] Enforce eager set, disabling torch.compile, CUDAGraphs, \
and JIT kernel warmup. This is equivalent to setting -cc.mode=none -cc.cudagraph_mode=none and \
--kernel_config.enable_jit_warmup=False
(APIServer pid=22222) WARNING 11-25 02:55:07 [vllm.py:1727] Inductor compilation was disabled by user settings, \
optimizations settings that are only active during inductor compilation will be ignored.
(APIServer pid=22222) WARNING 11-25 02:55:07 [cpu.py:224] Triton is not installed. triton-cpu is expected on x86 CPUs.
(APIServer pid=22222) WARNING 11-25 02:55:07 [vllm.py:725] Model Runner V2 requires Triton; using the V1 model \
runner instead.
[W1125 02:55:20.808124593 utils.cpp:68] Warning: NUMA binding: Using MEMBIND policy for memory allocation
(Worker pid=22521) WARNING 11-25 02:55:20 [cpu_worker.py:114] libtcmalloc is not found in LD_PRELOAD. For best \
performance, please follow the section `set LD_PRELOAD` in https://docs.vllm.ai/
(Worker pid=22521) INFO 11-25 02:55:20 [unquantized.py:364] Using CPU Unquantized MoE backend out of potential \
backends: ['CPU'].
(Worker pid=22521) INFO 11-25 02:55:20 [unquantized.py:529] Using CPUUnquantizedExperts MoE backend
"""
MOE = (
    "Using default MoE config. Performance might be sub-optimal! Config file not found at "
    "/configs/E=128,N=768,device_name=NVIDIA_Thor.json"
)
WARNING = "(EngineCore_0 pid=90) WARNING 11-24 14:20:05 [fused_moe.py:1163] "


def test_a_log_without_fallbacks_has_none() -> None:
    """Not what the configuration chose, nor which backend of several it is."""
    assert () == slow_kernels(CLEAN)


def test_the_telling_line_comes_without_its_prefix() -> None:
    """And with what to do about it."""
    (slow,) = slow_kernels(f"{CLEAN}{WARNING}{MOE}\n{CLEAN}")
    assert slow.line == MOE
    assert "+server.env.VLLM_TUNED_CONFIG_FOLDER=" in slow.remedy


TORCH = "(Worker_TP1 pid=42) [rank1]:W1217 21:17:25.153000 42 torch/_inductor/utils.py:1558] [0/0] "


def test_torchs_own_prefix_goes_too() -> None:
    """As it stands behind vLLM's in vLLM pull request 29901."""
    assert [MOE] == [slow.line for slow in slow_kernels(f"{TORCH}{MOE}\n")]


def test_what_no_one_can_change_is_not_said() -> None:
    """Every Thor, with its 20 SMs, prints this."""
    assert () == slow_kernels(f"{TORCH}Not enough SMs to use max_autotune_gemm mode\n")


def test_what_is_said_of_every_shape_counts_once() -> None:
    """The first line stands for its kind."""
    said = "Using default W8A8 Block FP8 kernel config. Performance might be sub-optimal! Config file not found at N="
    slow = slow_kernels(f"{WARNING}{said}5120\n{WARNING}{said}2560\n")
    assert [f"{said}5120"] == [each.line for each in slow]


def test_kinds_come_in_the_order_of_the_log() -> None:
    """Each with its own line."""
    fp8 = "Your GPU does not have native support for FP8 computation but FP8 quantization is being used."
    assert [fp8, MOE] == [slow.line for slow in slow_kernels(f"{fp8}\n{MOE}\n{fp8}\n")]


def test_a_very_long_line_is_cut() -> None:
    """Of paths a beginning is enough."""
    (slow,) = slow_kernels(MOE + "x" * 1000)
    assert len(slow.line) == 300


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("Using default Mamba SSU config. Performance might be sub-optimal!", "VLLM_TUNED_CONFIG_FOLDER"),
        ("No LoRA kernel configs found in /tuned/NVIDIA_Thor_SHRINK.json", "the file that the line names"),
        ("Your GPU does not have native support for FP4 computation but FP4 quantization is being used.", "on Thor"),
        (
            "NVFP4 linear falling back to the slow and unoptimized emulation backend as no optimized backend is "
            "available (unavailable reasons:",
            "another quantization",
        ),
        ("Using Nvfp4QuantizationEmulationTritonExperts MOE backend. This will dequantize", "another quantization"),
        ("Using Int4EmulationTritonExperts MoE backend. Int4 weights are dequantized", "another quantization"),
        (
            "awq quantization is not fully optimized yet. The speed can be slower than non-quantized models.",
            "leave out engine.quantization",
        ),
        ("Layer 'l.0' is not supported by AutoAWQMarlin. Falling back to unoptimized AWQ kernels.", "shapes"),
        ("Layer 'l.0' is not supported by GPTQMoeMarlin. Falling back to Moe WNA16 kernels.", "shapes"),
        ("Marlin requires thread-tile padding for some weight shapes in this model.", "group size"),
        (
            "CUDAGraphMode.FULL_AND_PIECEWISE is not supported with FlexAttentionBackend backend (support: "
            "AttentionCGSupport.NEVER); setting cudagraph_mode=PIECEWISE because attention is compiled piecewise",
            "engine.attention_backend=",
        ),
        (
            "--block-size 8 precluded higher-priority backend(s) FLASH_ATTN. Using TRITON_ATTN instead, which may "
            "result in reduced performance.",
            "engine.block_size",
        ),
        ("Cannot use FlashAttention-2 backend because the vllm_flash_attn package is not found.", "FlashAttention"),
        ("FlashInfer top-p/top-k sampling unavailable: SM 12.x requires CUDA >= 12.9; falling back.", "temperature 0"),
        (
            "FlashInfer is not available. Falling back to the PyTorch-native implementation of top-p & top-k sampling.",
            "temperature 0",
        ),
        ("X has no vLLM implementation, falling back to Transformers implementation.", "this model's architecture"),
    ],
)
def test_what_else_vllm_says(line: str, remedy: str) -> None:
    """Each of its messages is known by itself."""
    (slow,) = slow_kernels(f"{WARNING}{line}\n")
    assert line == slow.line
    assert remedy in slow.remedy


@pytest.mark.parametrize(
    "line",
    [
        "Using configuration from /configs/E=128,N=768,device_name=NVIDIA_H200.json for MoE layer.",
        "CUDAGraphMode.FULL is not supported with FlashInferBackend backend (support: UNIFORM_BATCH); setting "
        "cudagraph_mode=FULL_AND_PIECEWISE",
        "Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN', 'FLASHINFER', 'TRITON_ATTN'].",
        "Using FlashInfer for top-p & top-k sampling.",
        "Using MarlinLinearKernel for AutoAWQMarlinLinearMethod",
    ],
)
def test_an_ordinary_choice_is_no_fallback(line: str) -> None:
    """What a GPU that does well says too."""
    assert () == slow_kernels(f"{WARNING}{line}\n")


def test_an_empty_log_has_none() -> None:
    """A server that said nothing may be as fast as it can."""
    nothing: tuple[SlowKernel, ...] = ()
    assert nothing == slow_kernels("")
