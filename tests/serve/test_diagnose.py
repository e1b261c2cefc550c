"""From a server's log to a cause and a remedy."""

import pytest

from thorexp.serve.diagnose import diagnose

# Of a real vLLM 0.32.0 on a CPU, shortened: compressed-tensors of 8 bits.
NO_KERNEL = """\
(EngineCore pid=90) INFO 11-24 14:20:05 [core.py:109] Initializing a V1 LLM engine (v0.32.0) with config: \
model='q', tokenizer_mode=auto, trust_remote_code=True, enable_prefix_caching=True, 'out of memory': False
(APIServer pid=71) INFO 11-24 14:20:01 [model.py:545] Resolved architecture: Qwen3ForCausalLM
(EngineCore pid=90) ERROR 11-24 14:20:11 [core.py:1108] EngineCore failed to start.
(EngineCore pid=90) ERROR 11-24 14:20:11 [core.py:1108] Traceback (most recent call last):
(EngineCore pid=90) ERROR 11-24 14:20:11 [core.py:1108] ValueError: Failed to find a kernel that can implement the \
WNA16 linear layer. Reasons:
(EngineCore pid=90) Process EngineCore:
(APIServer pid=71) Traceback (most recent call last):
(APIServer pid=71) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_the_cause_is_the_telling_line_without_its_prefix() -> None:
    """Not the last line, which only says that something above failed."""
    cause = "ValueError: Failed to find a kernel that can implement the WNA16 linear layer. Reasons:"
    assert cause == diagnose(NO_KERNEL, 1).cause


def test_the_last_lines_are_the_logs_end() -> None:
    """Without prefixes, in order."""
    last = diagnose(NO_KERNEL, 1).last
    assert "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}" == last[-1]
    assert last[0].startswith("Initializing a V1 LLM engine")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
            "engine.gpu_memory_utilization=0.8",
        ),
        (
            "ValueError: Free memory on device cuda:0 (20.1/122.8 GiB) on startup is less than desired GPU memory "
            "utilization (0.9, 110.5 GiB).",
            "hardware.prepare.drop_caches=true",
        ),
        ("ValueError: No available memory for the cache blocks.", "engine.gpu_memory_utilization=0.9"),
        (
            "ValueError: To serve at least one request with the models's max seq len (40960), 5.00 GiB KV cache is "
            "needed, which is larger than the available KV cache memory (1.00 GiB).",
            "engine.max_model_len=4096",
        ),
        (
            "RuntimeError: _C::static_scaled_fp8_quant() expected at most 0 argument(s) but received 4 argument(s).",
            "another quantization",
        ),
        ("api_server.py: error: unrecognized arguments: --swap-space 16", "the engine argument"),
        ("OSError: [Errno 98] Address already in use", "server.port=null"),
        ("ptxas fatal   : Value 'sm_110a' is not defined for option 'gpu-name'", "TRITON_PTXAS_PATH"),
        ("torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device", "0.20"),
        (
            "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
            "server=docker hardware.image=vllm/vllm-openai:latest",
        ),
        (
            "return torch.ops._C.machete_mm(a, b_q, b_type.id, out_type, b_group_scales,",
            "+server.env.VLLM_DISABLED_KERNELS=MacheteLinearKernel",
        ),
        ("This kernel only supports sm100f.", "engine.attention_backend=TRITON_ATTN"),
        (
            "RuntimeError: Error in function 'TllmGenFmhaRunner' at /workspace/include/flashinfer/trtllm/fmha/"
            "fmhaRunner.cuh:30: Unsupported architecture",
            "engine.attention_backend=TRITON_ATTN",
        ),
        (
            "torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
            "engine.attention_backend=TRITON_ATTN",
        ),
        ("RuntimeError: CUDA error: cudaErrorUnsupportedPtxVersion", "hardware.image=nvcr.io/nvidia/vllm:26.04-py3"),
        ("RuntimeError: FlashAttention 3 requires compute capability 9.0", "engine.attention_backend=TRITON_ATTN"),
        ("return fused_marlin_moe(hidden_states, w1, w2)", "engine.moe_backend=cutlass"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", "HF_TOKEN"),
        ("RuntimeError: [enforce fail] CHECK_EQ(mat1.size(1), K) failed", "another quantization"),
    ],
)
def test_what_is_known_has_a_remedy(line: str, remedy: str) -> None:
    """The line is the cause, and the remedy names what to type."""
    found = diagnose(f"INFO 11-24 14:20:01 [x.py:1] starting\n{line}\nINFO 11-24 14:20:02 [x.py:1] bye\n", 1)
    assert line == found.cause
    assert found.remedy is not None
    assert remedy in found.remedy


def test_a_silent_kill_is_taken_for_lack_of_memory() -> None:
    """SIGKILL with nothing in the log is what the kernel's out-of-memory killer leaves."""
    assert "lack of memory" in diagnose("INFO 11-24 14:20:01 [x.py:1] loading weights\n", -9).cause


def test_what_vllm_prints_of_its_config_is_no_cause() -> None:
    """A start-up line that names trust_remote_code, or memory, does not explain a kill."""
    config = NO_KERNEL.splitlines()[0]
    assert "lack of memory" in diagnose(config, -9).cause


def test_what_is_not_known_gives_its_exception() -> None:
    """The last exception that is not the general one."""
    log = "KeyError: 'rope'\nRuntimeError: Engine core initialization failed. See root cause above.\n"
    assert ("KeyError: 'rope'", None) == (diagnose(log, 1).cause, diagnose(log, 1).remedy)


def test_an_empty_log_is_said_to_be_empty() -> None:
    """No line is made up."""
    assert ("it printed nothing", ()) == (diagnose("", 1).cause, diagnose("", 1).last)


# Of a real vLLM 0.32.0 on a CPU, shortened: its worker was killed under load.
KILLED_WORKER = """\
(EngineCore pid=90) ERROR 11-24 14:38:03 [multiproc_executor.py:315] Worker proc VllmWorker-0 died unexpectedly \
(exit code: -9), shutting down executor.
(EngineCore pid=90) ERROR 11-24 14:38:03 [dump_input.py:72] Dumping input data for V1 LLM engine (v0.32.0) with \
config: model='q', trust_remote_code=True
(APIServer pid=71) ERROR 11-24 14:38:03 [serving.py:120] Error in completion stream generator.
(APIServer pid=71) vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above)
nanobind: leaked 514 functions!
 - leaked function "push_back"
"""


def test_a_worker_that_was_killed_is_the_cause() -> None:
    """Not what followed from it, nor the leaks that Python reports at its end."""
    found = diagnose(KILLED_WORKER, 0)
    assert "Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor." == found.cause
    assert found.last[-1].startswith("vllm.v1.engine.exceptions.EngineDeadError")


def test_an_engine_killed_at_start_is_not_general() -> None:
    """The API server tells the engine's code, -9, in the line that is otherwise no cause."""
    log = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'E': -9}\n"
    assert "lack of memory" in str(diagnose(log, 1).remedy)


def test_the_length_that_vllm_estimates_is_the_remedy() -> None:
    """When vLLM says which max_model_len its KV cache has room for, that number is to be typed."""
    log = (
        "ValueError: To serve at least one request with the model's max seq len (40960), (5.0 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.0 GiB). Based on the available memory, the estimated "
        "maximum model length is 8176. Try increasing `gpu_memory_utilization`\n"
    )
    assert str(diagnose(log, 1).remedy).startswith("engine.max_model_len=8176,")


def test_what_fails_a_validation_is_the_cause() -> None:
    """Pydantic tells what is wrong on the line after its exception."""
    log = "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, no such x\n"
    assert "Value error, no such x" == diagnose(log, 1).cause


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        "ValueError: Free memory on device cuda:0 (20.1/122.8 GiB) on startup is less than desired GPU memory "
        "utilization (0.9, 110.5 GiB).",
        "ValueError: No available memory for the cache blocks.",
        "OSError: [Errno 12] Cannot allocate memory",
        "NvMapMemAllocInternalTagged: 1075072515 error 12",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'E': -9}",
    ],
)
def test_a_lack_of_memory_may_pass(line: str) -> None:
    """What the server before held may come back, so that another try can succeed."""
    assert diagnose(f"{line}\n", 1).lacks_memory


def test_a_silent_kill_may_pass() -> None:
    """The kernel's out-of-memory killer makes room as well."""
    assert diagnose("INFO 11-24 14:20:01 [x.py:1] loading weights\n", -9).lacks_memory


@pytest.mark.parametrize(
    "line",
    [
        "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
        "OSError: [Errno 98] Address already in use",
        "ValueError: User-specified max_model_len (50000) is greater than the derived max_model_len "
        "(max_position_embeddings=40960)",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'E': 1}",
        "KeyError: 'rope'",
        "",
    ],
)
def test_what_is_no_lack_of_memory_does_not_pass(line: str) -> None:
    """A second try would take as long, and fail as the first."""
    assert not diagnose(f"{line}\n", 1).lacks_memory


def test_what_vllm_prints_of_its_config_is_no_lack_of_memory() -> None:
    """Of all that the log says the cause alone decides."""
    assert not diagnose(NO_KERNEL, 1).lacks_memory


# FlashInfer's own words at a first start on a Thor, where it compiles for up to 45 minutes.
COMPILING = "2026-11-27 03:12:05,123 - INFO - flashinfer.jit: Loading JIT ops: fused_moe_110\n"


def test_a_server_that_still_compiles_is_to_be_waited_for() -> None:
    """When it was given up (no exit code) its last lines tell why it was not ready."""
    found = diagnose(f"INFO 11-24 14:20:01 [x.py:1] starting\n{COMPILING}", None)
    assert COMPILING.strip() == found.cause
    assert found.remedy is not None
    assert found.remedy.startswith("server.ready_timeout_s=3600")


def test_a_server_that_has_ended_did_not_wait_for_a_compiler() -> None:
    """Its exception is the cause, whatever it compiled before."""
    assert "KeyError: 'rope'" == diagnose(f"{COMPILING}KeyError: 'rope'\n", 1).cause


def test_the_particular_kernel_stands_before_the_general_complaint() -> None:
    """Machete fails on a Thor for want of an image, for which another vLLM is not the only remedy."""
    log = (
        'File "vllm/_custom_ops.py", line 1098, in machete_mm\n'
        "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device\n"
    )
    assert "VLLM_DISABLED_KERNELS" in str(diagnose(log, 1).remedy)
