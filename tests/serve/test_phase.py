"""From a server's log to what it is doing."""

import itertools

import pytest

from thorexp.serve.phase import STARTING, Phase, phase_of

# Of a real vLLM 0.32.0 on a CPU, three shards and no --enforce-eager, the config and the routes shortened.
CPU = """\
(APIServer pid=4841) INFO 11-24 20:30:22 [model.py:733] Resolved architecture: Qwen3ForCausalLM
(EngineCore pid=4976) INFO 11-24 20:30:29 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: \
model='/tmp/phase/model', load_format=auto, compilation_config={'mode': <CompilationMode.DYNAMO_TRACE_ONCE: 2>, \
'backend': 'inductor', 'compile_mm_encoder': False, 'cudagraph_capture_sizes': []}
(Worker pid=5080) INFO 11-24 20:30:37 [cpu_model_runner.py:68] Starting to load model /tmp/phase/model...
(Worker pid=5080) INFO 11-24 20:30:37 [base_loader.py:82] Initializing model took 0.160095 seconds
\rLoading safetensors checkpoint shards:   0% Completed | 0/3 [00:00<?, ?it/s]
\rLoading safetensors checkpoint shards:  67% Completed | 2/3 [00:00<00:00, 19.85it/s]
\rLoading safetensors checkpoint shards: 100% Completed | 3/3 [00:00<00:00, 28.40it/s]

(Worker pid=5080) INFO 11-24 20:30:38 [default_loader.py:501] Loading weights took 0.11 seconds
(EngineCore pid=4976) INFO 11-24 20:30:39 [utils.py:347] Using LBHNC KV cache layout.
(Worker pid=5080) INFO 11-24 20:30:39 [cpu_model_runner.py:87] Warming up model for the compilation...
(Worker pid=5080) INFO 11-24 20:31:05 [monitor.py:91] [backbone] Initial profiling/warmup run took 0.01 s
(Worker pid=5080) INFO 11-24 20:31:06 [cpu_model_runner.py:91] Warming up done.
(EngineCore pid=4976) INFO 11-24 20:31:06 [kv_cache_utils.py:2327] CPU KV cache size: 2,097,152 tokens, Maximum \
concurrency for 2,048 tokens per request: 1024.00x
(EngineCore pid=4976) INFO 11-24 20:31:09 [core.py:402] init engine (profile, create kv cache, warmup model) took \
30.21 s
(EngineCore pid=4976) WARNING 11-24 20:31:09 [vllm.py:1727] Inductor compilation was disabled by user settings, \
optimizations settings that are only active during inductor compilation will be ignored.
(APIServer pid=4841) INFO 11-24 20:31:10 [entry.py:140] Starting vLLM server on http://127.0.0.1:18432
(APIServer pid=4841) INFO 11-24 20:31:10 [launcher.py:195] Route: /load, Methods: GET
INFO:     Application startup complete.
"""

# What vLLM's own bar, and tqdm with vLLM's descriptions, write; the graphs' states are parted by \r alone.
WEIGHTS = "\rLoading safetensors checkpoint shards:  67% Completed | 2/3 [00:00<00:00, 19.85it/s]\n"
MIXED = "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)"
GRAPHS = (
    f"\r{MIXED}:   0%|          | 0/3 [00:00<?, ?it/s]"
    f"\r{MIXED}:  33%|███▎      | 1/3 [00:00<00:00,  5.00it/s]"
    f"\r{MIXED}:  67%|██████▋   | 2/3 [00:00<00:00,  4.99it/s]"
)


def test_a_start_goes_through_its_phases_in_order() -> None:
    """As the log of a real one grows by a character at a time."""
    told = (phase_of(CPU[:length]) for length in range(len(CPU) + 1))
    assert [
        Phase("starting"),
        Phase("loading weights"),
        Phase("loading weights", 0.0),
        Phase("loading weights", 0.67),
        Phase("loading weights", 1.0),
        Phase("compiling"),
        Phase("warming up"),
        Phase("almost ready"),
    ] == [phase for phase, _ in itertools.groupby(told)]


@pytest.mark.parametrize(
    "log", ["", "\n", "\x00\ufffd 50%|█\n\r\r", "Traceback (most recent call last):\n", "100% | x"]
)
def test_what_tells_nothing_is_a_start(log: str) -> None:
    """A server that has said nothing known is starting."""
    assert STARTING == phase_of(log)


def test_the_tail_of_a_log_is_enough() -> None:
    """It may begin within a line, after the one that opened the phase."""
    tail = CPU[CPU.index("model took 0.160095") : CPU.index("\rLoading safetensors checkpoint shards: 100%")]
    assert Phase("loading weights", 0.67) == phase_of(tail)


@pytest.mark.parametrize(
    "desc",
    [
        "Loading safetensors checkpoint shards (eager)",
        "Loading pt checkpoint shards",
        "Multi-thread loading shards",
        "Loading safetensors using Runai Model Streamer",
    ],
)
def test_every_loader_tells_its_weights(desc: str) -> None:
    """Each has its description, all have one form of bar."""
    log = f"(Worker_TP0 pid=12) \r{desc}:  25% Completed | 1/4 [00:09<00:27,  9.01s/it]\n"
    assert Phase("loading weights", 1 / 4) == phase_of(log)


@pytest.mark.parametrize("log", [GRAPHS, GRAPHS.replace("\r", "\r(EngineCore pid=1) "), GRAPHS.replace("\r", "\n")])
def test_the_graphs_are_told_by_the_bars_last_state(log: str) -> None:
    """With or without a prefix, and where reading has turned the carriage returns into newlines."""
    assert Phase("capturing graphs", 0.67) == phase_of(log)


def test_a_bar_that_is_still_being_written_does_not_count() -> None:
    """6 of 67 is not 6 percent."""
    cut = GRAPHS[: GRAPHS.rindex("67%") + 1]
    assert cut.endswith(" 6")
    assert Phase("capturing graphs", 0.33) == phase_of(cut)


def test_the_second_kind_of_graphs_starts_again() -> None:
    """vLLM captures PIECEWISE, then FULL, each with a bar of its own."""
    full = "\rCapturing CUDA graphs (decode, FULL):   0%|          | 0/2 [00:00<?, ?it/s]"
    assert Phase("capturing graphs", 0.0) == phase_of(f"{GRAPHS}\n{full}")


# From vLLM 0.32.0's source (compilation/, v1/worker/, v1/core/): a CPU prints none of these.
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[model_runner.py:392] Loading model from scratch...", "loading weights"),
        ("[model_runner.py:425] Model loading took 15.27 GiB memory and 9.120000 seconds", "warming up"),
        ("[monitor.py:40] [backbone] Starting torch.compile", "compiling"),
        ("[backends.py:1104] Using cache directory: /root/.cache/vllm/x for vLLM's torch.compile", "compiling"),
        ("[backends.py:1166] [backbone] Dynamo bytecode transform time: 5.21 s", "compiling"),
        ("[backends.py:398] Compiling a graph for compile range (1, 2048) takes 11.02 s", "compiling"),
        ("[gpu_worker.py:939] Compile and warming up model for size 8", "compiling"),
        ("[monitor.py:62] [backbone] torch.compile took 17.02 s in total", "warming up"),
        (
            "[monitor.py:62] torch.compile and initial profiling/warmup run together took 17.02 s in total",
            "warming up",
        ),
        ("[kv_cache_utils.py:2327] GPU KV cache size: 612,336 tokens, Maximum concurrency for", "warming up"),
    ],
)
def test_what_only_a_gpu_prints_is_known(line: str, name: str) -> None:
    """The worker's last word, after the weights' bar."""
    assert Phase(name) == phase_of(f"{WEIGHTS}\n(Worker_TP0 pid=12) INFO 11-24 20:31:05 {line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "(APIServer pid=4493) WARNING 11-24 20:28:31 [vllm.py:1703] Enforce eager set, disabling torch.compile, "
        "CUDAGraphs, and JIT kernel warmup. This is equivalent to setting -cc.mode=none -cc.cudagraph_mode=none and "
        "--kernel_config.enable_jit_warmup=False",
        "(APIServer pid=4493) WARNING 11-24 20:28:31 [vllm.py:1727] Inductor compilation was disabled by user settings",
    ],
)
def test_what_only_names_a_phase_is_not_in_it(line: str) -> None:
    """vLLM 0.32.0 on a CPU with --enforce-eager says these before it loads, and again after the engine is up."""
    assert STARTING == phase_of(f"{line}\n")
