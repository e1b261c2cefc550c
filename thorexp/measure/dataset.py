"""Files of prompts: parsed whole, or refused with the line that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from reprlib import repr as short
from typing import Any

import numpy as np

from thorexp.errors import ConfigError
from thorexp.measure.strict_json import Place, is_whole, json_array, json_lines
from thorexp.measure.workload import Ask, Conversation, Prompt

LENGTH_KEYS = ("output_len", "output_tokens", "max_tokens")
REFERENCE_KEYS = ("completion", "reference")
SPEAKERS = {
    **dict.fromkeys(("human", "user"), "human"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard"), "gpt"),
    "system": "system",
}


@dataclass(frozen=True, slots=True)
class PromptSet:
    """What a file asks: its conversations, in the file's order.

    `left_out`: how many others it holds that ask nothing; `first_left_out_line` is absent when there are none.
    """

    conversations: tuple[Conversation, ...]
    left_out: int = 0
    first_left_out_line: int | None = None


@dataclass(frozen=True, slots=True)
class FileWorkload:
    """The conversations of a file, each asked once at most. `where`: the file, as the user named it."""

    source: tuple[Conversation, ...]
    where: str

    def conversations(self, count: int | None, rng: np.random.Generator) -> tuple[Conversation, ...]:
        """`count` of them, absent for all, in a drawn order whose first k are the same for every count."""
        total = len(self.source)
        if count is not None and count > total:
            raise ConfigError(
                f"The load asks {count} prompts, the file has {total}.",
                ("where", self.where),
                ("why", "none is asked twice: the prefix cache would answer for it"),
                ("try", f"load.num_prompts={total}, of all stages together, or a longer file"),
            )
        return tuple(self.source[i] for i in rng.permutation(total)[:count].tolist())


def read_jsonl(text: str, where: str, *, output_len: int | None) -> PromptSet:
    """One JSON object a line, each a conversation of one turn; blank lines are allowed.

    `prompt`, a text or a list of token ids, or `messages`, a list of {"role", "content"}. `output_len` (or
    `output_tokens`, `max_tokens`) is the line's own length in tokens; absent, `output_len` as given here; absent
    too, that of `reference` (or `completion`). A null is as good as absent; other keys are not read.
    """
    _check_at_least_1("workload.output_len", output_len)
    asks = (_ask(place, entry, output_len) for place, entry in json_lines(text, where))
    return _prompt_set(where, [(ask,) for ask in asks], [])


def read_sharegpt(text: str, where: str, *, output_len: int | None, turns: int) -> PromptSet:
    """One JSON array of {"conversations": [{"from", "value"}, …]}, as the public ShareGPT files are.

    The leading pairs of question and answer become turns, `turns` at most, the answer as `reference`. A system
    message that leads goes before the first question, parted from it by a blank line. Left out, and counted:
    entries that do not begin with such a pair, or where it has an empty text or one with half a character (a
    lone surrogate, of which no tokenizer can make anything).
    """
    _check_at_least_1("workload.output_len", output_len)
    _check_at_least_1("workload.turns", turns)
    kept: list[Conversation] = []
    left_out: list[int] = []
    for place, entry in json_array(text, where):
        conversation = _conversation(_said(place, entry), output_len, turns)
        if conversation:
            kept.append(conversation)
        else:
            left_out.append(place.line)
    return _prompt_set(where, kept, left_out)


def _ask(place: Place, entry: Mapping[str, Any], output_len: int | None) -> Ask:
    reference = _one_of(place, entry, REFERENCE_KEYS)
    if reference is not None and not (isinstance(reference, str) and _is_unicode(reference)):
        raise place.refuses("The reference answer is no text.", short(reference), '"reference": "…"')
    own = _one_of(place, entry, LENGTH_KEYS)
    if own is not None and not is_whole(own, least=1):
        raise place.refuses("The output length is no positive integer.", short(own), '"output_len": 128')
    if own is None and output_len is None and not reference:
        raise place.refuses("Nothing says how much to generate.", short(sorted(entry)), "workload.output_len=128")
    return Ask(_prompt(place, entry), output_len if own is None else own, reference)


def _one_of(place: Place, entry: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of the one key that is there; absent when none is."""
    found = [key for key in keys if entry.get(key) is not None]
    if len(found) > 1:
        raise place.refuses("Two keys say the same.", " and ".join(found), f"{found[0]} alone")
    return entry[found[0]] if found else None


def _prompt(place: Place, entry: Mapping[str, Any]) -> Prompt:
    prompt, messages = entry.get("prompt"), entry.get("messages")
    if (prompt is None) == (messages is None):
        what = "There is no prompt." if prompt is None else "Prompt and messages cannot both be asked."
        raise place.refuses(what, short(sorted(entry)), '"prompt" or "messages"')
    if messages is not None:
        return _messages(place, messages)
    if prompt in ("", []):
        raise place.refuses("The prompt is empty.", short(prompt), "one token at least")
    if isinstance(prompt, str) and _is_unicode(prompt):
        return prompt
    if isinstance(prompt, list) and all(is_whole(token, least=0) and token < 2**31 for token in prompt):
        return tuple(prompt)
    raise place.refuses("The prompt is neither Unicode text nor token ids.", short(prompt), '"…" or [1, 2, 3]')


def _messages(place: Place, messages: object) -> tuple[dict[str, Any], ...]:
    remedy = '"messages": [{"role": "user", "content": "…"}]'
    if not isinstance(messages, list):
        raise place.refuses("The messages are no list.", short(messages), remedy)
    for message in messages:
        if not _is_message(message):
            raise place.refuses("This is no chat message.", short(message), remedy)
    if not any(message["content"] for message in messages):
        raise place.refuses("The messages are empty.", short(messages), remedy)
    return tuple(messages)


def _is_message(message: object) -> bool:
    """A role, and as content a text or a list of parts, which are objects."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str) or not message["role"]:
        return False
    content = message.get("content")
    if isinstance(content, str):
        return _is_unicode(content)
    return isinstance(content, list) and all(isinstance(part, dict) for part in content)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _said(place: Place, entry: object) -> list[tuple[str, str]]:
    """(human, gpt or system, what it said), in order."""
    remedy = '{"conversations": [{"from": "human", "value": "…"}, …]}'
    if not isinstance(entry, dict):
        raise place.refuses("This is no conversation.", short(entry), remedy)
    messages = _one_of(place, entry, ("conversations", "conversation"))
    if not isinstance(messages, list):
        raise place.refuses("A conversation is a list of messages.", short(entry), remedy)
    said = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("value"), str):
            raise place.refuses("This is no message with a text.", short(message), remedy)
        if not isinstance(message.get("from"), str) or message["from"] not in SPEAKERS:
            raise place.refuses("Nobody knows who said this.", short(message), f"one of {', '.join(SPEAKERS)}")
        said.append((SPEAKERS[message["from"]], message["value"]))
    return said


def _conversation(said: list[tuple[str, str]], output_len: int | None, turns: int) -> Conversation:
    """The pairs of question and answer that it begins with; empty when it begins with none."""
    system = said[0][1] if said and said[0][0] == "system" else None
    said = said if system is None else said[1:]
    asks: list[Ask] = []
    for (asker, question), (answerer, answer) in islice(zip(said[::2], said[1::2], strict=False), turns):
        texts = question and answer and _is_unicode(question + answer)
        if (asker, answerer) != ("human", "gpt") or not texts:
            break
        asks.append(Ask(question, output_len, answer))
    if not asks or not system:
        return tuple(asks)
    return (replace(asks[0], prompt=f"{system}\n\n{asks[0].prompt}"), *asks[1:]) if _is_unicode(system) else ()


def _prompt_set(where: str, kept: list[Conversation], left_out: list[int]) -> PromptSet:
    if not kept:
        found = f"{len(left_out)} entries without a question and its answer" if left_out else "no entry"
        raise ConfigError("The file asks nothing.", ("where", where), ("found", found), ("try", "another file"))
    return PromptSet(tuple(kept), len(left_out), left_out[0] if left_out else None)


def _check_at_least_1(key: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ConfigError(f"{key}={value} is too small.", ("try", f"{key}=1 or more"))
