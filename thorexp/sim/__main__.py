"""The simulated vLLM that thorexp starts by itself:

    python -m thorexp server=sim model=qwen3_32b_awq server.speedup=20

For another client: THOREXP_SIM says, as JSON, what to simulate, and any config of thorexp can be made one:

    export THOREXP_SIM=$(python -c "from thorexp import compose, conf_tree, prepare
    words = ['server=sim', 'model=qwen3_32b_awq', 'server.speedup=20']
    print(prepare.prepare(compose.job_config(conf_tree.tree_of(words)), set()).sim.as_json())")
    python -m thorexp.sim serve MODEL --port 8000
"""

import argparse
import asyncio
import logging
import os
import signal
import sys

import uvloop

from thorexp.errors import ConfigError
from thorexp.sim.server import SimServer
from thorexp.sim.spec import SPEC, SimSpec, from_json

LINE = "%(levelname)s %(asctime)s [%(name)s] %(message)s"

_log = logging.getLogger("thorexp.sim")


def main() -> int:
    """Serve until SIGTERM; the exit code, 1 where nothing can be served, and why is the last line that is printed."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LINE, datefmt="%m-%d %H:%M:%S")
    options = _options()
    text = os.environ.get(SPEC)
    if text is None:
        return _fail(f"{SPEC} is not in the environment: it says, as the JSON of a SimSpec, what to simulate (--help).")
    try:
        spec = from_json(text)
    except (ValueError, KeyError, TypeError, ConfigError) as wrong:
        return _fail(f"{SPEC} is no SimSpec as JSON: {type(wrong).__name__}: {wrong}")
    try:
        uvloop.run(_serve(spec, options))
    except OSError as refused:
        return _fail(f"Cannot listen on {options.host}:{options.port}: {refused.strerror or refused}")
    return 0


async def _serve(spec: SimSpec, options: argparse.Namespace) -> None:
    """Until SIGTERM or SIGINT, or until the simulation fails."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = SimServer(spec)
    running, stopping = asyncio.create_task(server.driver.run()), asyncio.create_task(stopped.wait())
    runner = await server.listen(options.host, options.port)
    _tell(spec, options.model)
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    await runner.cleanup()
    running.cancel()
    stopping.cancel()
    await asyncio.wait((running, stopping))
    if not running.cancelled():
        running.result()


def _tell(spec: SimSpec, model: str) -> None:
    limits, size = spec.limits, spec.limits.num_blocks * spec.limits.block_size
    _log.info("Simulated, nothing is measured: %s, served as %s", model, spec.name)
    _log.info("Speedup: %g s of the simulation in each of the clock", spec.speedup)
    _log.info("GPU KV cache size: %s tokens, %d blocks of %d", f"{size:,}", limits.num_blocks, limits.block_size)
    _log.info("A step: %d tokens of %d sequences at most", limits.max_num_batched_tokens, limits.max_num_seqs)
    _log.info("Application startup complete.")


def _fail(words: str) -> int:
    print(" ".join(words.split()), file=sys.stderr)
    return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m thorexp.sim",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=["serve"], help="as of vLLM, whose other flags are passed over")
    parser.add_argument("model", help="for the log alone: THOREXP_SIM has the name that is served")
    parser.add_argument("--host", default="127.0.0.1", help="to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="to listen on (default: %(default)s)")
    return parser.parse_known_args()[0]


if __name__ == "__main__":
    sys.exit(main())
