"""Engine arguments: precedence, flags, and what a vLLM does not know."""

import pytest

from thorexp.errors import FlagError
from thorexp.serve.engine_args import EngineArg, check, resolve, to_flags
from thorexp.serve.flags import KnownFlags

KNOWN = KnownFlags(
    "0.32.0",
    frozenset({"--max-num-seqs", "--enforce-eager", "--no-enforce-eager", "--trust-remote-code", "--port"}),
)


def test_the_later_layer_wins_and_is_named() -> None:
    """A value typed on the command line replaces the board's, and says where it came from."""
    layers = (("hardware thor", {"max_num_seqs": 32}), ("command line", {"max_num_seqs": 16}))
    assert (EngineArg("max_num_seqs", 16, "command line"),) == resolve(layers)


def test_arguments_come_by_name() -> None:
    """The order of layers does not show in the order of arguments."""
    assert ["a", "b"] == [arg.name for arg in resolve((("one", {"b": 1}), ("two", {"a": 2})))]


def test_dashes_and_underscores_are_one_name() -> None:
    """`max-num-seqs` in a YAML file and `max_num_seqs` on the command line are the same argument."""
    layers = (("hardware thor", {"max-num-seqs": 32}), ("command line", {"max_num_seqs": 16}))
    assert ("--max-num-seqs", "16") == to_flags(resolve(layers))


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (16, ("--max-num-seqs", "16")),
        (0.8, ("--max-num-seqs", "0.8")),
        ("fp8", ("--max-num-seqs", "fp8")),
        (True, ("--max-num-seqs",)),
        (False, ("--no-max-num-seqs",)),
        (None, ()),
        ({"level": 3, "sizes": [1, 2]}, ("--max-num-seqs", '{"level":3,"sizes":[1,2]}')),
        ([1, 2], ("--max-num-seqs", "1", "2")),
        ([{"name": "a"}], ("--max-num-seqs", '{"name":"a"}')),
    ],
)
def test_each_kind_of_value_has_its_form(value: object, flags: tuple[str, ...]) -> None:
    """Booleans become --flag or --no-flag, mappings JSON, lists several words; null leaves the flag out."""
    assert flags == to_flags([EngineArg("max_num_seqs", value, "command line")])


def test_a_flag_that_vllm_has_passes() -> None:
    """Nothing is said of right flags, in either form of a switch."""
    check([EngineArg("max_num_seqs", 8, "x"), EngineArg("enforce_eager", False, "x")], KNOWN)


def test_a_misspelt_flag_is_refused_with_the_nearest_name() -> None:
    """The error has the key as typed, its source, the version, and the right name."""
    with pytest.raises(FlagError) as error:
        check([EngineArg("max_num_seq", 16, "command line")], KNOWN)
    assert (
        "vLLM 0.32.0 has no flag --max-num-seq.\n"
        "  where  engine.max_num_seq (command line)\n"
        "  try    engine.max_num_seqs"
    ) == str(error.value)


def test_what_thorexp_gives_itself_is_refused_with_its_key() -> None:
    """A port among the engine arguments would move the server away from where it is waited for."""
    with pytest.raises(FlagError, match=r"engine\.port is not for the engine group") as error:
        check([EngineArg("port", 8000, "command line")], KNOWN)
    assert "server.port" in str(error.value)


def test_a_switch_without_a_no_form_can_only_be_left_out() -> None:
    """False for such a flag is refused with the advice to use null."""
    with pytest.raises(FlagError, match="no flag --no-trust-remote-code") as error:
        check([EngineArg("trust_remote_code", False, "model x")], KNOWN)
    assert "engine.trust_remote_code=null" in str(error.value)


@pytest.mark.parametrize(("name", "key"), [("port", "server.port"), ("host", "server.host"), ("model", "model.repo")])
def test_what_thorexp_tells_vllm_itself_is_refused(name: str, key: str) -> None:
    """A second --port would win over ours, and the record would lie."""
    with pytest.raises(FlagError) as error:
        check([EngineArg(name, 1, "command line")], KNOWN)
    assert key in str(error.value)
