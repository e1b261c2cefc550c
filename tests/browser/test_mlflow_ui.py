"""What a person sees of a sweep in MLflow's own pages, served by a real `mlflow ui`."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.command_line import thorexp
from thorexp.tracking import warm_up
from thorexp.tracking.request_table import REQUEST_TABLE

WORDS = ("-m", "model=qwen3_32b_awq", "engine.max_num_seqs=8,16", "load=high,low", "load.num_prompts=4", "predict=true")
READY_S = 120
DRAWN_MS = 60_000  # a busy machine takes its time with 10 MB of JavaScript


@dataclass(frozen=True)
class Seen:
    """A page in a tab, with what its scripts threw."""

    tab: Page
    thrown: list[str]


@dataclass(frozen=True)
class Ui:
    """MLflow's pages of one sweep: where they are served, and the ids of its runs."""

    address: str
    experiment: str
    sweep: str
    jobs: tuple[str, ...]

    def page(self, browser: Browser, place: str) -> Seen:
        """A place of the experiment, in a tab of its own."""
        return seen(browser, f"{self.address}/#/experiments/{self.experiment}/{place}")


@pytest.fixture(scope="module")
def ui(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """Of a predicted sweep of four jobs; `browser` first, so that nothing is started in vain."""
    ran = thorexp(tmp_path_factory.mktemp("ui"), *WORDS)
    assert 0 == ran.code, ran.err
    store = f"sqlite:///{ran.folder}/mlruns/mlflow.db"
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--backend-store-uri", store]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (ran.folder / "ui.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", address.rsplit(":", 1)[1]],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until_ready(address, process, ran.folder / "ui.log")
            yield runs_of(store, address)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def seen(browser: Browser, address: str) -> Seen:
    found = Seen(browser.new_page(viewport={"width": 1900, "height": 1200}), [])
    found.tab.set_default_timeout(DRAWN_MS)
    found.tab.on("pageerror", lambda error: found.thrown.append(str(error)))
    found.tab.goto(address)
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"mlflow ui did not come up\n{log.read_text()[-3000:]}")


def runs_of(store: str, address: str) -> Ui:
    warm_up()
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("thorexp")
    assert experiment is not None
    kinds: dict[str, list[str]] = {"job": [], "sweep": []}
    for run in client.search_runs([experiment.experiment_id]):
        kinds[run.data.tags["thorexp.kind"]].append(run.info.run_id)
    (sweep,) = kinds["sweep"]
    return Ui(address, str(experiment.experiment_id), sweep, tuple(kinds["job"]))


@pytest.fixture
def compared(browser: Browser, ui: Ui) -> Iterator[Seen]:
    """MLflow's comparison of the four jobs."""
    ids, experiments = quote(json.dumps(ui.jobs)), quote(json.dumps([ui.experiment]))
    page = seen(browser, f"{ui.address}/#/compare-runs?runs={ids}&experiments={experiments}")
    page.tab.get_by_text("Show diff only").first.wait_for()
    yield page
    page.tab.close()


def test_a_comparison_shows_what_was_varied_among_a_dozen_keys(compared: Seen) -> None:
    """And none of the hundred that no one typed."""
    expect(compared.tab.get_by_text("engine.max_num_seqs", exact=True).last).to_be_visible(timeout=DRAWN_MS)
    assert "telemetry.interval_s" not in compared.tab.inner_text("body")
    assert [] == compared.thrown


def test_the_difference_of_a_comparison_is_what_was_varied(compared: Seen) -> None:
    """One switch leaves the keys of the sweep, and of the params nothing else."""
    table = compared.tab.locator("table, [role=table]").filter(has_text="engine.max_num_seqs").last
    expect(table).to_contain_text("gpu_memory_utilization", timeout=DRAWN_MS)
    compared.tab.get_by_text("Show diff only").first.click()
    expect(table).not_to_contain_text("gpu_memory_utilization", timeout=DRAWN_MS)
    expect(table).to_contain_text("engine.max_num_seqs")
    expect(table).to_contain_text("load")


def test_charts_begin_with_the_results(browser: Browser, ui: Ui) -> None:
    """What was typed, machine, server and client come behind them, in MLflow's own section."""
    page = ui.page(browser, "runs?compareRunsMode=CHART")
    page.tab.wait_for_selector("svg.main-svg")
    page.tab.get_by_text("System metrics").last.wait_for(state="attached")
    heads = re.findall(r"^(.+)\s+\(\d+\)$", page.tab.inner_text("body"), re.MULTILINE)
    assert ["Model metrics", "System metrics"] == heads
    assert [] == page.thrown
    page.tab.close()


def test_an_experiment_says_how_to_read_its_runs(browser: Browser, ui: Ui) -> None:
    """Above them."""
    page = ui.page(browser, "runs")
    expect(page.tab.get_by_text("What a run is.")).to_be_visible(timeout=DRAWN_MS)
    page.tab.close()


def test_a_sweeps_run_shows_its_table_and_plots(browser: Browser, ui: Ui) -> None:
    """In its description, which MLflow folds."""
    page = ui.page(browser, f"runs/{ui.sweep}")
    page.tab.get_by_text("simulated: 4 of 4 jobs finished, 0 failed").wait_for()
    page.tab.get_by_text("Show more").first.click()
    expect(page.tab.get_by_text("Show less")).to_be_visible(timeout=DRAWN_MS)
    expect(page.tab.get_by_role("columnheader", name="TTFT p50")).to_be_visible()
    for plot in ("frontier.png", "points.png"):
        expect(page.tab.locator(f"img[src*='{plot}']")).to_have_js_property("naturalWidth", 800, timeout=DRAWN_MS)
    assert [] == page.thrown
    page.tab.close()


def test_requests_are_shown_as_a_table(browser: Browser, ui: Ui) -> None:
    """With a column for each of their latencies."""
    page = ui.page(browser, f"runs/{ui.jobs[0]}/artifacts/{REQUEST_TABLE}")
    expect(page.tab.get_by_text("ttft_ms", exact=True).first).to_be_visible(timeout=DRAWN_MS)
    expect(page.tab.get_by_text("View as table")).to_be_visible()
    page.tab.close()


def test_a_run_shows_the_load_that_it_had(browser: Browser, ui: Ui) -> None:
    """As a dataset."""
    page = ui.page(browser, f"runs/{ui.jobs[0]}")
    expect(page.tab.get_by_text("random 2048/128").first).to_be_visible(timeout=DRAWN_MS)
    page.tab.close()
