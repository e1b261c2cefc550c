"""Keys of hardware, server, telemetry and verdict, and what is refused of them."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from tests.test_compose import a_tree
from thorexp import trust_keys
from thorexp.compose import job_config
from thorexp.config import JobConfig
from thorexp.config_server import ServerKind
from thorexp.errors import ConfigError
from thorexp.prepare import prepare
from thorexp.trust_keys import check_hardware, check_port, check_preparation, check_telemetry, check_thresholds

INF, NAN = float("inf"), float("nan")


@pytest.fixture(scope="module")
def shipped() -> JobConfig:
    """The job of conf/, as it is."""
    return job_config(a_tree())


def said_of(error: "pytest.ExceptionInfo[ConfigError]") -> tuple[str, list[str]]:
    """The headline, and the facts under it."""
    headline, *facts = str(error.value).splitlines()
    return headline, [fact.strip() for fact in facts]


@pytest.mark.parametrize("words", [(), ("telemetry=off",)], ids=["default", "off"])
def test_what_conf_ships_is_kept(words: tuple[str, ...]) -> None:
    """Neither telemetry, on or off, nor hardware nor a threshold of it is refused."""
    job = job_config(a_tree(*words))
    check_telemetry(job.telemetry)
    check_hardware(job.hardware)
    check_thresholds(job.verdict)


@pytest.mark.parametrize("key", ["interval_s", "server_interval_s"])
@pytest.mark.parametrize(("value", "shown"), [(0.0, "0"), (-1.0, "-1"), (0.009, "0.009"), (INF, "inf"), (NAN, "nan")])
def test_a_look_that_never_or_always_comes_is_refused(key: str, value: float, shown: str, shipped: JobConfig) -> None:
    """By the full key, as it was typed, with the shortest that can be kept."""
    changed: dict[str, Any] = {key: value}
    with pytest.raises(ConfigError) as refused:
        check_telemetry(replace(shipped.telemetry, **changed))
    headline, (remedy,) = said_of(refused)
    assert f"telemetry.{key}={shown} cannot be kept." == headline
    assert f"try  telemetry.{key}=0.01 or more" == remedy


@pytest.mark.parametrize("key", ["interval_s", "server_interval_s"])
def test_a_hundred_looks_a_second_can_be_kept(key: str, shipped: JobConfig) -> None:
    """That many, and no more."""
    changed: dict[str, Any] = {key: 0.01}
    check_telemetry(replace(shipped.telemetry, **changed))


@pytest.mark.parametrize(("idle_s", "shown"), [(-1.0, "-1"), (INF, "inf"), (NAN, "nan")])
def test_a_rest_that_does_not_begin_or_end_is_refused(idle_s: float, shown: str, shipped: JobConfig) -> None:
    """By the full key, with the way to have none."""
    with pytest.raises(ConfigError) as refused:
        check_telemetry(replace(shipped.telemetry, idle_s=idle_s))
    headline, (remedy,) = said_of(refused)
    assert f"telemetry.idle_s={shown} is no time to rest." == headline
    assert "telemetry.idle_s=3, or 0" in remedy


def test_no_rest_is_kept(shipped: JobConfig) -> None:
    """The load begins at once."""
    check_telemetry(replace(shipped.telemetry, idle_s=0.0))


@pytest.mark.parametrize("command", ["tegrastats --logfile 'a", 'sudo "tegrastats', "tegrastats \\"])
def test_a_command_that_is_badly_quoted_is_refused(command: str, shipped: JobConfig) -> None:
    """By the full key, with what is wrong of it and one that is right."""
    with pytest.raises(ConfigError) as refused:
        check_telemetry(replace(shipped.telemetry, tegrastats=command))
    headline, (says, remedy) = said_of(refused)
    assert f"telemetry.tegrastats={command} is no command." == headline
    assert says.startswith("says  No ")
    assert "telemetry.tegrastats=/usr/bin/tegrastats" in remedy


@pytest.mark.parametrize("command", ["sudo -n tegrastats", "'/opt/my tools/tegrastats'"])
def test_a_command_of_several_words_is_kept(command: str, shipped: JobConfig) -> None:
    """Quoted as in a shell."""
    check_telemetry(replace(shipped.telemetry, tegrastats=command))


@pytest.mark.parametrize("devices", [0, -1])
def test_hardware_of_no_device_is_refused(devices: int, shipped: JobConfig) -> None:
    """By the full key, as it was typed, with the fewest that serve a model."""
    with pytest.raises(ConfigError) as refused:
        check_hardware(replace(shipped.hardware, devices=devices))
    headline, (remedy,) = said_of(refused)
    assert f"hardware.devices={devices} serve nothing." == headline
    assert "try  hardware.devices=1" == remedy


@pytest.mark.parametrize("devices", [1, 8])
def test_hardware_of_a_device_or_more_is_kept(devices: int, shipped: JobConfig) -> None:
    """That serve one model together."""
    check_hardware(replace(shipped.hardware, devices=devices))


def test_a_match_that_is_no_pattern_is_refused(shipped: JobConfig) -> None:
    """By the full key, with what is wrong of it and the way to have none."""
    with pytest.raises(ConfigError) as refused:
        check_hardware(replace(shipped.hardware, match="(H200"))
    headline, (says, remedy) = said_of(refused)
    assert "hardware.match=(H200 is no regular expression." == headline
    assert says.startswith("says  missing )")
    assert "hardware.match=null" in remedy


@pytest.mark.parametrize("match", [None, "H200|H100"])
def test_a_match_may_be_a_pattern_or_absent(match: str | None, shipped: JobConfig) -> None:
    """Hardware that cannot be told has none."""
    check_hardware(replace(shipped.hardware, match=match))


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("drift", INF, "inf"),
        ("drift", NAN, "nan"),
        ("kv_cache", -3.0, "-3"),
        ("below_limit", -0.02, "-0.02"),
        ("spread", INF, "inf"),
    ],
)
def test_a_threshold_that_is_no_share_is_refused(key: str, value: float, shown: str, shipped: JobConfig) -> None:
    """By the full key, with one that is."""
    changed: dict[str, Any] = {key: value}
    with pytest.raises(ConfigError) as refused:
        check_thresholds(replace(shipped.verdict, **changed))
    headline, (remedy,) = said_of(refused)
    assert f"verdict.{key}={shown} is no share." == headline
    assert f"verdict.{key}=0.1" in remedy


@pytest.mark.parametrize("share", [0.0, 1.0, 2.5])
def test_a_share_of_nothing_or_of_more_than_all_is_kept(share: float, shipped: JobConfig) -> None:
    """0 believes nothing, and two halves of a run may be further apart than one of them is long."""
    check_thresholds(replace(shipped.verdict, drift=share))


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("hardware.prepare.power_mode=maxn",), "hardware.prepare.power_mode=MAXN"),
        (("hardware.prepare.power_mode=12W",), "hardware.prepare.power_mode=120W"),
        (("hardware=h200", "hardware.prepare.power_mode=MAXN"), "hardware.prepare.power_mode=null"),
    ],
)
def test_a_power_mode_that_the_board_does_not_have_is_refused(words: tuple[str, ...], remedy: str) -> None:
    """With the nearest that it has."""
    with pytest.raises(ConfigError) as refused:
        check_preparation(job_config(a_tree(*words)).hardware, ServerKind.vllm)
    assert f"try    {remedy}" in str(refused.value)


@pytest.mark.parametrize("word", ["power_mode=MAXN", "lock_clocks=true", "drop_caches=true"])
def test_a_board_under_somebody_elses_server_is_not_changed(word: str) -> None:
    """By any key of it; a server of ours may have it so."""
    hardware = job_config(a_tree(f"hardware.prepare.{word}")).hardware
    check_preparation(hardware, ServerKind.docker)
    with pytest.raises(ConfigError, match=f"hardware.prepare.{word.partition('=')[0]}"):
        check_preparation(hardware, ServerKind.attach)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_port_that_there_is_not_is_refused(port: int) -> None:
    """By the full key, with those that there are, before anything starts."""
    with pytest.raises(ConfigError) as refused:
        prepare(job_config(a_tree("dry_run=true", f"server.port={port}")), frozenset())
    headline, (remedy,) = said_of(refused)
    assert f"server.port={port} is no port." == headline
    assert "try  server.port=8000, of 1 to 65535, or null for a free one" == remedy


@pytest.mark.parametrize("port", [None, 0, 1, 65535])
def test_a_port_that_there_is_is_kept(port: int | None) -> None:
    """And any free one, which is absent, or 0."""
    check_port(port)


PREPARED = (
    "hardware.prepare.power_mode=120W",
    "hardware.prepare.lock_clocks=true",
    "hardware.prepare.drop_caches=true",
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("predict=true", *PREPARED), 3),
        (("server=sim", PREPARED[0]), 1),
        (("rehearse=true", PREPARED[1]), 1),
        (("predict=true",), 0),
        (PREPARED, 0),
    ],
    ids=["predicted", "simulated", "rehearsed", "nothing asked", "measured"],
)
def test_a_board_that_is_not_measured_is_not_prepared_which_is_said(
    words: tuple[str, ...], expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By each key that was asked for."""
    trust_keys._say_no_effect.cache_clear()
    without_vllm = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=2", "load.max_concurrency=1")
    with caplog.at_level(logging.WARNING):
        prepare(job_config(a_tree(*without_vllm, *words)), frozenset())
    said = [line.message.split()[0] for line in caplog.records if " has no effect: " in line.message]
    asked = [word.partition("=")[0] for word in words if word in PREPARED]
    assert (expected, asked[:expected]) == (len(said), said)
