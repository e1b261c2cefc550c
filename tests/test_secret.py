"""What is not shown."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from tests.command_line import thorexp
from thorexp.compose import keys
from thorexp.secret import (
    Secrets,
    masked,
    secrets_in,
    shown,
    shown_command,
    shown_settings,
    shown_tree,
    shown_word,
    shown_words,
)
from thorexp.secret_words import is_secret

TABLES = ("params", "tags", "experiment_tags", "metrics", "runs", "datasets")


def files_that_tell(folder: Path, word: str) -> list[str]:
    """Those of a sweep that hold it."""
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def rows_of(store: Path) -> Iterator[tuple[object, ...]]:
    """All that MLflow's database has of runs."""
    with closing(sqlite3.connect(store)) as database:
        for table in TABLES:
            yield from database.execute(f"select * from {table}")


def test_a_sweep_shows_no_secret(tmp_path: Path) -> None:
    """On the terminal, in its pages and tables, and in MLflow: whether swept, shared, or within a URL."""
    words = ("-m", "model=qwen3_32b_awq", "load=low", "load.num_prompts=2", "predict=true", "tracking=mlflow")
    secrets = ("engine.api_key=sk-SECRET,sk-SECRET2", "+server.env.HF_TOKEN=tok-SECRET")
    ran = thorexp(tmp_path, *words, *secrets, "server.base_url='http://ann:SECRET@a','http://ann:SECRET@b'")
    assert (0, 4) == (ran.code, len(ran.run_dirs)), ran.err
    said = list(rows_of(tmp_path / "mlruns" / "mlflow.db"))
    assert "***" in str(said)
    assert [] == [row for row in said if "SECRET" in str(row)]
    assert "report.html" in files_that_tell(tmp_path / "outputs", "***")
    assert [] == files_that_tell(tmp_path / "outputs", "SECRET")
    assert ("", "") == tuple(
        "\n".join(line for line in out.splitlines() if "SECRET" in line) for out in (ran.out, ran.err)
    )


def test_no_key_of_the_config_is_a_secrets() -> None:
    """Of prompt_token_ids, num_key_value_heads and the name of a variable, api_key_env, nothing is hidden."""
    known = tuple(keys())
    assert {"model.prompt_token_ids", "endpoint.api_key_env"} <= set(known)
    assert [] == [key for key in known if is_secret(key)]


def test_of_vllms_flags_two_hold_secrets() -> None:
    """Its tokenizer and its budgets of tokens are none; to allow credentials is a switch, whose values are shown."""
    told = files("thorexp.serve").joinpath("vllm_0_32_flags.txt").read_text(encoding="utf-8").split()
    args = {word.removeprefix("--").replace("-", "_") for word in told if word.startswith("--")}
    assert {"max_num_batched_tokens", "tokenizer"} <= args
    switches = {"allow_credentials", "no_allow_credentials"}
    assert {"api_key", "hf_token", *switches} == {arg for arg in args if is_secret(f"engine.{arg}")}
    assert {"true"} == {shown(f"engine.{arg}", "true") for arg in switches}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("engine.api_key=sk", "engine.api_key=***"),
        ("engine.api_key=a,b", "engine.api_key=***"),
        ("~engine.api_key=sk", "~engine.api_key=***"),
        ("+server.env.HF_TOKEN=tok", "+server.env.HF_TOKEN=***"),
        ("++endpoint.headers.X-Api-Key=k", "++endpoint.headers.X-Api-Key=***"),
        ("server.env={HF_TOKEN:a b,A:b},{HF_TOKEN:'a,b'}", "server.env={HF_TOKEN:***,A:b},{HF_TOKEN:***}"),
        ("server={env:{MY_KEYS:a,B:c},port:1}", "server={env:{MY_KEYS:***,B:c},port:1}"),
        ('engine.x={"api_key": ["a", "b"], "c": 1}', 'engine.x={"api_key": ***, "c": 1}'),
        ("server.command='vllm serve --api-key sk -x'", "server.command='vllm serve --api-key *** -x'"),
        ("server.base_url=http://ann:pw@thor:1/v1", "server.base_url=http://***@thor:1/v1"),
        ("server.base_url='http://ann:p@w@thor'", "server.base_url='http://***@thor'"),
        (r"server.base_url=http\://ann\:pw@thor\:1", r"server.base_url=http\://***@thor\:1"),
    ],
)
def test_a_word_shows_its_key_and_no_secret(word: str, told: str) -> None:
    """Of a mapping those in it; of a URL, also as Hydra writes it, the user too."""
    assert told == shown_word(word)


@pytest.mark.parametrize(
    "word",
    [
        "load=high",
        "engine.max_num_batched_tokens=512",
        "engine.tokenizer=a/b",
        "server.env={TOKENIZERS_PARALLELISM:x}",
        "engine.hf_token=true",
        "engine.api_key=null",
        "~engine.api_key",
        "endpoint.headers.X-Author=ann",
        "server.base_url=http://thor:8000",
        "endpoint.extra_body={a:[1,2],b:{c:d}}",
    ],
)
def test_a_word_without_a_secret_stays(word: str) -> None:
    """Neither does a value hide that is none."""
    assert word == shown_word(word)


def test_a_command_can_be_read_word_by_word() -> None:
    """Quoted as a shell needs it, and not for what stands for a secret."""
    typed = shlex.join(["-m", "load=high,low", "engine.api_key=a b", "x=a b", "server.env={A: b, HF_TOKEN: tok}"])
    assert "-m load=high,low engine.api_key=*** 'x=a b' 'server.env={A: b, HF_TOKEN: ***}'" == shown_command(typed)


def test_settings_are_told_by_their_keys() -> None:
    """A secret that is not set is no secret."""
    settings = {"engine.api_key": "sk", "engine.hf_token": "null", "server.base_url": "http://a:b@thor", "load": "high"}
    told = {"engine.api_key": "***", "engine.hf_token": "null", "server.base_url": "http://***@thor", "load": "high"}
    assert told == shown_settings(settings)


def test_a_text_that_quotes_a_config_shows_no_secret() -> None:
    """As vLLM's log does; prose about tokens is prose."""
    text = "non-default args: {'api_key': ['sk'], 'model': 'a'}; engine.api_key=b, http://h?token=c d; a token: 5 ms"
    told = "non-default args: {'api_key': ***, 'model': 'a'}; engine.api_key=***, http://h?token=*** d; a token: 5 ms"
    assert told == masked(text)


def test_what_is_hidden_stays_as_it_is() -> None:
    """A text may be shown through several hands."""
    text = "engine.api_key=***, http://***@thor, {'api_key': ***}"
    assert text == masked(text)


@pytest.mark.parametrize(
    "text",
    [
        'Bearer s3cret/w+rd"&',
        '{"error": "s3cret/w+rd\\"&"}',
        "<td>s3cret/w+rd&quot;&amp;</td>",
        "http://a/?q=s3cret%2Fw%2Brd%22%26",
    ],
    ids=["plain", "JSON", "HTML", "URL"],
)
def test_a_known_secret_is_found_however_it_is_quoted(text: str) -> None:
    """Where no key says that it is one."""
    hidden = Secrets(('s3cret/w+rd"&',)).hidden(text)
    assert ("***" in hidden, "s3cret" in hidden) == (True, False)


@pytest.mark.parametrize("value", ["EMPTY", "12345678", "/dev/null", ""])
def test_a_value_that_may_stand_for_anything_is_not_looked_for(value: str) -> None:
    """A short word, a number and the path of a file would be hidden where they are none."""
    text = f'{{"total": {value}, "x": "{value}"}}'
    assert text == Secrets((value,)).hidden(text)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("engine.api_key=sk-one", {"sk-one"}),
        ("server.env={HF_TOKEN: tok, A: b}", {"tok"}),
        ("server.base_url=http://ann:pw@thor", {"ann:pw"}),
        ("server.command='vllm serve --api-key sk-two'", {"sk-two"}),
        ("load=high", set()),
    ],
)
def test_the_secrets_of_a_word_are_what_is_hidden_of_it(word: str, values: set[str]) -> None:
    """Neither more nor less."""
    assert values == set(secrets_in(word))


def test_a_short_secret_is_known_by_the_word_that_was_typed() -> None:
    """Its value alone may stand for anything."""
    known = Secrets((), {"engine.api_key=sk": "engine.api_key=***"})
    assert "['engine.api_key=***'] asked" == known.hidden("['engine.api_key=sk'] asked")


def test_a_password_is_known_without_its_user() -> None:
    """And a key without the list that it is in."""
    known = Secrets(("ann:password-of-ann", "[sk-0123456,sk-6543210]"))
    assert "ann *** *** ***" == known.hidden("ann password-of-ann sk-0123456 sk-6543210")


def test_a_tree_keeps_its_shape() -> None:
    """Only what is secret is another value; a switch is none."""
    tree = {"server": {"env": {"HF_TOKEN": "tok", "A": 1}, "base_url": "http://a:b@c"}, "engine": {"api_key": ["x", 2]}}
    told = {
        "server": {"env": {"HF_TOKEN": "***", "A": 1}, "base_url": "http://***@c"},
        "engine": {"api_key": ["***"] * 2},
    }
    assert (told, {"hf_token": True, "api_key": None}) == (
        shown_tree(tree),
        shown_tree({"hf_token": True, "api_key": None}, "engine"),
    )


def test_a_token_is_known_by_its_shape() -> None:
    """Behind a key that is misspelt, too."""
    assert "engine.api_kye=*** hf_hub" == masked(f"engine.api_kye=hf_{'a1' * 17} hf_hub")


def test_a_password_that_is_a_word_is_hidden_as_a_word() -> None:
    """What it is only the half of stays."""
    known = Secrets(("postgres:postgres",))
    assert "postgresql://db/x as *** in my_postgres_db" == known.hidden(
        "postgresql://db/x as postgres in my_postgres_db"
    )


@pytest.mark.parametrize("before", ["\\n", "\x1b[32m", "\x1b[m", "%3D", "\\u0022", "\\x1b", " ", ""])
def test_a_word_is_one_behind_a_colour_and_a_character_that_is_written_out(before: str) -> None:
    """As in JSON, in a URL and on a terminal."""
    assert f"{before}***\\n" == Secrets(("correcthorse",)).hidden(f"{before}correcthorse\\n")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("server.command='env X_SECRET_VALUE=abc vllm serve'", "server.command='env X_SECRET_VALUE=*** vllm serve'"),
        ("server.docker.args=[-e,PGPASSWORD=abc]", "server.docker.args=[-e,PGPASSWORD=***]"),
        ("server.docker.args=[--env=HFTOKEN=abc]", "server.docker.args=[--env=HFTOKEN=***]"),
        ("server.command='serve --max-num-batched-tokens=512'", "server.command='serve --max-num-batched-tokens=512'"),
    ],
)
def test_what_a_command_sets_is_judged_as_a_variable(word: str, told: str) -> None:
    """A flag is none."""
    assert told == shown_word(word)


def test_a_tree_of_words_shows_no_secret_in_them() -> None:
    """However short; what is no word stays."""
    tree = {"task": ["+server.env={MY_KEY: short, A: 1}", "load=high"], "n": 3}
    assert {"task": ["+server.env={MY_KEY: ***, A: 1}", "load=high"], "n": 3} == shown_words(tree)
