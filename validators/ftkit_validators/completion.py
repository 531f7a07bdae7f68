"""Family FT28x: legacy records of a prompt and its completion.

Base models took them before there were chat models; the conventions on separators and blanks are those of
OpenAI's guide to its first fine-tuning API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Case, Context, FileFacts, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of

rule = partial(any_rule, kinds=("completion",))
_PARTS = ("prompt", "completion")
_CHAT = "ftkit split DATA --user '{prompt}' --assistant '{completion}' --out DIR"
_TAKEN_BY = "davinci-002 and babbage-002"


def _record(**fields: Any) -> str:
    whole = {"prompt": "What is 2+2?\n\n###\n\n", "completion": " 4\n", **fields}
    return json.dumps({key: value for key, value in whole.items() if value is not ...}) + "\n"


def _case(*records: str) -> Case:
    """Records of which it need not be said again that they are legacy."""
    return Case("".join(records), options={"ignore": ("completion-legacy",)})


_GOOD = _case(_record())
_CHAT_GOOD = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'


@rule("FT280", "completion-parts", bad=_case(_record(completion=["4"])), good=_GOOD, reads=_PARTS)
def parts(row: RowView) -> Iterator[Found]:
    """A legacy record has a prompt and a completion, and both are texts. Anything else is refused."""
    for part in _PARTS:
        if part not in row.value:
            yield Found(
                f"no {part!r} in a prompt/completion record", 'Write {"prompt": ..., "completion": ...}.'
            )
        elif not isinstance(value := row.value[part], str):
            yield Found(f"the {part} is {kind_of(value)}, not a string", "Write it as a text.", (part,))


@rule("FT281", "completion-blank", bad=_case(_record(completion=" \n")), good=_GOOD, reads=("completion",))
def blank(row: RowView) -> Iterator[Found]:
    """The completion is what the model learns to write. Where it is blank it learns to write nothing. (A
    prompt may be empty: then the model learns to write freely.)"""
    value = row.value.get("completion")
    if isinstance(value, str) and not value.strip():
        yield Found("the completion is blank", "Write the text, or remove the record.", ("completion",))


@rule(
    "FT282", "completion-unknown-key", severity="warning", bad=_case(_record(label="4")), good=_GOOD, reads=()
)
def unknown_key(row: RowView) -> Iterator[Found]:
    """A legacy record has two keys. Further ones are refused by strict platforms and ignored by the others;
    a "label" of true and false belongs to another method (KTO), which hosted platforms do not offer."""
    for key in [key for key in row.value if key not in _PARTS]:
        what = f"unknown key {key[:40]!r} beside the prompt and its completion"
        yield Found(what, "Remove it.", (key,), the_key=True)


@rule(
    "FT283",
    "completion-legacy",
    scope="file",
    severity="warning",
    good=_CHAT_GOOD,
    bad=_record(),
    kinds=("chat", "preference", "reinforcement", "completion"),
)
def legacy(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Records of a prompt and a completion are the form of the first fine-tuning APIs. Of OpenAI's models
    only the base models davinci-002 and babbage-002 ever took it since; chat models, and most other
    platforms, want messages."""
    if facts.completion:
        rows = f"{facts.completion:,} prompt/completion record{'' if facts.completion == 1 else 's'}"
        what = f"{rows}, a form that only base models take ({_TAKEN_BY})"
        yield Found(what, f"For chat models: {_CHAT}", line=facts.first_completion)


class _Ends:
    """How prompts end and completions begin, over all records."""

    def __init__(self, context: Context) -> None:
        self.rows = 0
        self.ends: dict[str, int] = {}
        self.spaced = 0
        self.first: int | None = None

    def merge(self, later: _Ends, lines: int) -> None:
        """Take in what was noted of the next shard."""
        self.rows += later.rows
        self.spaced += later.spaced
        for end, count in later.ends.items():
            self.ends[end] = self.ends.get(end, 0) + count
        if self.first is None and later.first is not None:
            self.first = later.first + lines

    def row(self, row: RowView) -> tuple[Found, ...]:
        """Note the last two characters of the prompt and the first of the completion."""
        self.rows += 1
        if self.first is None:
            self.first = row.line
        end = row.value["prompt"][-2:]
        if end in self.ends or len(self.ends) < 1000:
            self.ends[end] = self.ends.get(end, 0) + 1
        self.spaced += row.value["completion"][:1].isspace()
        return ()


@rule(
    "FT284",
    "completion-no-separator",
    scope="dataset",
    severity="info",
    bad=_case(_record(prompt="What is 2+2"), _record(prompt="What is 3+1")),
    good=_GOOD,
)
class NoSeparator(_Ends):
    """A base model sees prompt and completion as one text, and can tell where the one ends only by a mark
    that every prompt ends with and no prompt holds elsewhere, such as a line of ###. Without it the model
    may go on with the question. The same mark must end the prompts when the model is used."""

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Speak where prompts end in different ways."""
        if self.rows > 1 and max(self.ends.values()) < self.rows:
            hint = "End every prompt with the same mark, for example \\n\\n###\\n\\n."
            yield Found("the prompts have no common ending", hint, line=self.first)


@rule(
    "FT285",
    "completion-no-space",
    scope="dataset",
    severity="info",
    bad=_case(_record(completion="4\n")),
    good=_GOOD,
)
class NoSpace(_Ends):
    """Tokens of words mostly begin with their blank. A completion that begins without one after a prompt is
    cut into rarer tokens than the model knows it by, and is learnt less well."""

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Speak where completions begin without a blank."""
        bare = self.rows - self.spaced
        if bare:
            what = f"{bare:,} of {self.rows:,} completions begin without a blank"
            yield Found(what, "Begin each with a space.", line=self.first)


RULES = (parts, blank, unknown_key, legacy, NoSeparator, NoSpace)
