"""Family FT29x: which kinds of rows a file holds, and whether they are what it is meant for."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Case, Context, FileFacts, Found, rule
from ftkit.validation.kinds import KINDS_OF_METHOD
from ftkit.validation.rules import RowKind

_CHAT = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'
_PAIR = (
    '{"input": {"messages": [{"role": "user", "content": "2+2?"}]}, '
    '"preferred_output": [{"role": "assistant", "content": "4"}], '
    '"non_preferred_output": [{"role": "assistant", "content": "5"}]}\n'
)
_KINDS: tuple[RowKind, ...] = ("chat", "preference", "reinforcement", "completion")
_NAMES = {
    "chat": "chat",
    "preference": "preference (DPO)",
    "reinforcement": "reinforcement (RFT)",
    "completion": "prompt/completion",
}
_METHODS = {
    "sft": "supervised fine-tuning",
    "dpo": "preference tuning (DPO)",
    "rft": "reinforcement tuning (RFT)",
}


def _found(facts: FileFacts) -> list[tuple[RowKind, int, int]]:
    """The kinds that are there, with their rows and first lines; the most frequent first."""
    counts: list[tuple[RowKind, int, int]] = [
        (kind, getattr(facts, kind), getattr(facts, f"first_{kind}") or 1) for kind in _KINDS
    ]
    return sorted((found for found in counts if found[1]), key=lambda found: (-found[1], found[2]))


@rule("FT290", "mixed-kinds", scope="file", bad=_CHAT + _PAIR, good=_CHAT + _CHAT, kinds=_KINDS)
def mixed_kinds(facts: FileFacts, context: Context) -> Iterator[Found]:
    """A training file holds rows of one kind, that of the method it is for: chat, preference, reinforcement
    or prompt/completion. A platform decides by the method and refuses the whole file for one row of another
    kind; such rows are mostly left from another export."""
    found = _found(facts)
    if len(found) > 1:
        parts = [f"{rows:,} {_NAMES[kind]} (first on line {line:,})" for kind, rows, line in found]
        what = f"rows of {len(found)} kinds: {', '.join(parts)}"
        yield Found(what, "Put each kind into a file of its own.", line=found[-1][2])


@rule(
    "FT291",
    "wrong-kind-for-method",
    scope="file",
    bad=Case(_CHAT, options={"method": "dpo"}),
    good=Case(_PAIR, options={"method": "dpo"}),
    kinds=_KINDS,
)
def wrong_kind(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The rows are of another kind than the method asked for learns from: supervised fine-tuning takes chat
    (or prompt/completion) rows, preference tuning pairs of answers, reinforcement tuning prompts with
    something to grade by. The job would be refused when it begins."""
    method = context.options.method
    if method is None:
        return
    for kind, rows, line in _found(facts):
        if kind not in KINDS_OF_METHOD[method]:
            wanted = " or ".join(_NAMES[name] for name in KINDS_OF_METHOD[method])
            what = f"{rows:,} {_NAMES[kind]} row{'' if rows == 1 else 's'} in data for {_METHODS[method]}"
            yield Found(what, f"It takes {wanted} rows.", line=line)


RULES = (mixed_kinds, wrong_kind)
