"""Whatever is typed, or written into a file of the config, is composed or refused in words."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf, open_dict

from tests.fuzz.bounded import bounded, trying
from thorexp.compose import composed, explain, job_config, keys
from thorexp.composing import is_of_composing
from thorexp.conf_tree import conf_dir, register, tree_of
from thorexp.errors import ConfigError
from thorexp.prepare import prepare
from thorexp.secret import shown_word

SAFE = ("dry_run=true", "server.command=none-is-there", "load.num_prompts=2", "workload.input_len=16", "tracking=off")
KEYS = tuple(keys())
GROUPS = {
    folder.name: sorted(each.stem for each in folder.glob("*.yaml"))
    for folder in conf_dir().iterdir()
    if any(folder.glob("*.yaml"))
}
ANY_KEY = re.compile(
    r"(model\.|hardware\.|quantization\.)?(engine|env)|endpoint\.(headers|extra_body)|.*(resources|parameters)"
)
# They would run a program, ask a network, or read without end.
NOT_TYPED = ("server.command", "server.docker.client", "server.base_url", "workload.file", "dry_run")
VALUES = st.one_of(
    st.sampled_from(
        (
            "",
            "null",
            "true",
            "0",
            "-1",
            "1e30",
            "nan",
            "inf",
            "10**12",
            "1000000000000",
            "'",
            "[",
            "]",
            "{",
            "[1,[2]]",
            "{a:1}",
            "???",
            "${foo}",
            "${load.name}",
            "${oc.env:NONE}",
            "${",
            "$",
            "${hydra:job.id}",
            "${now:%Y}",
            "${x:y}",
            "a,b",
            "range(1,3)",
            "choice(1,2)",
            "interval(0,1)",
            "glob(*)",
            "'a b'",
            '"\\"',
            "é",
            "\\",
            "1_0",
            "0x1",
            "[{a: 1}]",
            "!!python/x",
        )
    ),
    st.text(max_size=10),
    st.integers().map(str),
    st.floats().map(str),
)


@st.composite
def misspelt(draw: st.DrawFn, key: str) -> str:
    """With an edit or two."""
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(key) - 1))
        letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_."))
        key = (
            draw(
                st.sampled_from(
                    (
                        key[:at] + key[at + 1 :],
                        key[:at] + letter + key[at:],
                        key[:at] + letter + key[at + 1 :],
                        key[:at] + key[at : at + 2][::-1] + key[at + 2 :],
                    )
                )
            )
            or key
        )
    return key


@st.composite
def words(draw: st.DrawFn) -> str:
    """An override, of which little is right."""
    key = draw(st.sampled_from((*KEYS, *GROUPS, "hydra/launcher", "hydra.run.dir")))
    if draw(st.integers(0, 4)) == 0:
        key = draw(misspelt(key))
    assume(not key.startswith(NOT_TYPED))
    value = draw(st.sampled_from(GROUPS[key])) if key in GROUPS and draw(st.booleans()) else draw(VALUES)
    sign = draw(st.sampled_from(("", "", "", "+", "++", "~")))
    return f"{sign}{key}" if sign == "~" and draw(st.booleans()) else f"{sign}{key}={value}"


@cache
def whole() -> DictConfig:
    """The tree of SAFE, with Hydra's own node."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", list(SAFE), return_hydra_config=True)


def overridden(typed: list[str]) -> DictConfig:
    """As Hydra does it behind a composed tree, which takes long."""
    tree: DictConfig = whole().copy()
    OmegaConf.set_struct(tree, True)
    OmegaConf.set_readonly(tree.hydra, False)
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(typed), tree)
    with open_dict(tree.hydra):
        tree.hydra.overrides.task = [*SAFE, *typed]
    return tree


def answer(typed: list[str], composes: bool) -> str:
    """What the command line would say; nothing where there is nothing to say."""
    try:
        with bounded():
            if composes:
                config, names = job_config(tree_of([*SAFE, *typed])), frozenset[str]()
            else:
                config, names = composed(overridden(typed))
            prepare(config, names)
    except ConfigError as refused:
        return str(refused)
    except Exception as wrong:
        if not is_of_composing(wrong):
            raise
        return str(explain(wrong))
    return ""


@trying(38)
@given(st.lists(words(), min_size=1, max_size=3))
def test_words_for_keys_are_taken_or_refused(typed: list[str]) -> None:
    """Applied as Hydra applies them."""
    assume(not any(word.lstrip("+~").partition("=")[0] in GROUPS for word in typed))
    answer(typed, composes=False).encode()


@trying(10)
@given(st.lists(words(), min_size=1, max_size=3))
def test_words_are_composed_or_refused(typed: list[str]) -> None:
    """Groups among them."""
    answer(typed, composes=True).encode()


@trying(15)
@given(st.data())
def test_a_misspelt_key_has_the_right_one_beside_it(data: st.DataObject) -> None:
    """By its full name, and the nearest among those that there are."""
    key = data.draw(st.sampled_from([key for key in KEYS if not ANY_KEY.match(key)]))
    wrong = data.draw(misspelt(key))
    assume(wrong not in KEYS and not ANY_KEY.match(wrong) and len(key) > 6)
    assume(re.fullmatch(r"[a-z_0-9]+(\.[a-z_0-9]+)*", wrong))
    try:
        overridden([f"{wrong}=1"])
    except Exception as refused:
        if not is_of_composing(refused):
            raise
        said = str(explain(refused))
    else:
        raise AssertionError(f"{wrong} was taken")
    assert wrong in said
    assert "try" in said, said


@st.composite
def yaml(draw: st.DrawFn) -> bytes:
    """A file of conf/, broken in a place or two."""
    files = sorted(
        path for path in conf_dir().glob("*/*.yaml") if path.parent.name in ("load", "workload", "slo", "hardware")
    )
    content = bytearray(draw(st.sampled_from(files)).read_bytes())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        broken = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from(
                    (b"\t", b": ", b"- ", b"&a *a", b"[" * 2000, b"{", b"'", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"!!x")
                )
                | st.sampled_from(
                    (
                        b"\n---\n",
                        b"\nname: a\nname: b\n",
                        b"${x}",
                        b"\ndefaults: 3\n",
                        b"\ndefaults: [nowhere]\n",
                        b"\x00",
                    )
                ),
            )
        )
        content[at : at + draw(st.integers(0, 5))] = broken
    return bytes(content)


@trying(10)
@given(yaml(), st.sampled_from(("load", "workload", "slo", "hardware")))
def test_a_file_of_the_config_is_taken_or_refused(content: bytes, group: str) -> None:
    """Somebody's own, in a folder beside ours."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / group / "mine.yaml"
        file.parent.mkdir()
        file.write_bytes(content)
        said = answer([f"hydra.searchpath=[file://{folder}]", f"{group}=mine"], composes=True)
    said.encode()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("load=null", "load=null chooses nothing"),
        ("~load.num_promts", "load.num_prompts"),
        ("+server.env.X={a: 1}", "server.env.X is wrong"),
        ("load.stages=[{nme: x}]", "load.stages[0].nme is wrong"),
        ("load.num_prompts=${foo", "load.num_prompts=${foo cannot be read"),
        ("model.architecture.num_experts=8", "+model.architecture.num_experts"),
        (f"engine.a={'[' * 400}{']' * 400}", "nested too deep"),
        (f"engine.a={'[' * 60}{']' * 60}", "engine is nested too deep"),
    ],
)
def test_what_was_found_is_refused_in_words(word: str, said: str) -> None:
    """Each of these was a traceback, was let through, or did not say its key."""
    assert said in answer([word], composes=True)


@pytest.mark.parametrize("inner", ["a", "a:", "a:{", "{", "a=", "-"])
def test_a_long_word_is_shown_at_once(inner: str) -> None:
    """Its secrets are looked for in a time that grows as it does."""
    with bounded(cpu_s=2.0):
        assert shown_word(f"load.x={{{inner * 30_000}}}").startswith("load.x={")
