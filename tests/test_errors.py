"""What can go wrong, and how it is said."""

import pickle

import pytest

from thorexp import errors
from thorexp.errors import ConfigError, DeathError, FlagError, LacksMemoryError, ServerError, StartError, ThorexpError


def test_an_error_is_laid_out_for_a_terminal() -> None:
    """The headline, then one fact a line, what they say in one column."""
    error = StartError(
        "vLLM exited with code 1 before it was ready.",
        ("log", "outputs/thor_seed/server.log"),
        ("evidence", "torch.OutOfMemoryError: CUDA out of memory"),
        ("try", "engine.gpu_memory_utilization=0.8"),
    )
    expected = """\
vLLM exited with code 1 before it was ready.
  log       outputs/thor_seed/server.log
  evidence  torch.OutOfMemoryError: CUDA out of memory
  try       engine.gpu_memory_utilization=0.8"""
    assert expected == str(error)


def test_an_error_without_facts_is_its_headline() -> None:
    """There is nothing to add."""
    assert "There is no key lod." == str(ConfigError("There is no key lod."))


def test_a_fact_of_several_lines_stays_in_its_column() -> None:
    """The label stands alone on the left."""
    expected = """\
It failed.
  log  first
       second
  try  again"""
    assert expected == str(ThorexpError("It failed.", ("log", "first\nsecond"), ("try", "again")))


@pytest.mark.parametrize("error", [StartError("It ended."), DeathError("It ended.")])
def test_a_server_that_ended_is_a_server_error(error: ThorexpError) -> None:
    """Whoever handles a lost server need not ask when it was lost."""
    with pytest.raises(ServerError):
        raise error


def test_a_server_that_lacks_memory_has_not_started() -> None:
    """Whoever does not try it again handles it as any other."""
    with pytest.raises(StartError):
        raise LacksMemoryError("It ended.")


def test_a_wrong_flag_is_a_wrong_request() -> None:
    """An engine argument is a part of the config."""
    with pytest.raises(ConfigError):
        raise FlagError("There is no flag --max-num-sequences.")


def test_the_tree_of_the_docstring_is_the_tree() -> None:
    """Every error stands in the drawing, under the one it is a kind of."""
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    branch = ["Exception"]
    for line in errors.__doc__.splitlines():
        name = next((word for word in line.split() if word.endswith("Error")), None)
        if name is not None:
            depth = 1 + line.index(name) // 4
            branch = [*branch[:depth], name]
            drawn[name] = branch[depth - 1]
    real = {name: value.__base__ for name, value in vars(errors).items() if isinstance(value, type)}
    bases = {name: base.__name__ for name, base in real.items() if base is not None and name.endswith("Error")}
    assert bases == drawn


def test_an_error_crosses_processes_whole() -> None:
    """A worker's error says the same where it is shown."""
    error = DeathError("vLLM exited with code 1 under load.", ("log", "server.log"))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error)) == (type(copy), str(copy))
