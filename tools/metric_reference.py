"""Writes docs/metrics.md from the metrics themselves, or with --check says whether it is current."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated_page import write_or_check

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Metric, is_continuous, options_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
SHIPPED = (
    "label",
    "one_of",
    "exact",
    "contains",
    "regex",
    "number",
    "json",
    "keywords",
    "chrf",
    "rouge",
    "similarity",
    "tool_calls",
    "judge",
)
NEEDED: dict[str, dict[str, Any]] = {"similarity": {"model": "any"}, "judge": {"judges": "any"}}
"""Options without which a metric cannot be had."""
HEAD = """# Metrics

Written by `make format` from the metrics themselves; not edited by hand. `ftkit metrics` tells the same of
those that are installed, also of yours. A metric says of every answer
whether it is right, and a value of 0 to 1. Right answers stand in the rows: the final assistant message,
or the field `expected` where there is one.

    ftkit benchmark prices.jsonl --model linear --metric number --metric-option relative=0.01

In a recipe, and in Python:

    [benchmark]
    metric = { name = "number", relative = 0.01 }

    benchmark(models, "prices.jsonl", metric=find_metric("number", relative=0.01), ...)

**Nothing leaves the denominator.** Every row counts. One without a usable answer is not right and its
value is 0; the report says how many there are of each kind: failed, missing, refused (the platform or the
model says so), cut off at the token limit, empty, invalid (not of the form that the metric wants).

**How models are compared.** By right and wrong (exact McNemar test), or for metrics marked *by value* by
the mean of the values (paired bootstrap). Parts are means over the rows that have the part.

**Allowed labels** (`label`, `one_of`) are those given (`--labels good,bad`), else those that the instruction
names, else all that occur as right answers. The instruction is the system message of the first row, or its
first message. A list is looked for behind a phrase that announces one ("one of: ...", "with one word:
...", "labels: ...", "as ..."), or in lines with list marks, and is taken only where every right answer of
the rows is in it. The report names the labels: see that they are the ones you mean.
"""
TAIL = """
## A metric of your own

A function is one: `--metric scores.py:close` or `--metric mypackage.scores:close`.

```python
def close(answer: str, expected: tuple[str, ...], tolerance: float = 0.1) -> bool:
    return any(abs(float(answer) - float(right)) <= tolerance for right in expected)
```

It returns a bool, a number of 0 to 1 (right from 0.5 on, or from its attribute `threshold`), or a
`ftkit.benchmarking.Score`. It gets what its parameters name: `answer`, `expected`, `labels`, `row` (as in
the file), `message` (the whole assistant message); a field `expected` that is no text comes as JSON text.
Its other parameters are options. Models are compared by value, unless it is annotated to return a bool. An
attribute `needs_truth = False` lets rows have no right answer.

An object or a class does more. It has the members of `ftkit.benchmarking.Metric`, best by standing on
`ftkit.benchmarking.metrics.MetricBase`; the fields of a dataclass are its options. A package brings it along
by the entry point group `ftkit.metrics`.

```python
@dataclass(frozen=True)
class Length(MetricBase):
    name = "length"
    slack: int = option(0, "Characters that a reply may be longer.")

    def score(self, answer, expected, labels):
        right = any(len(answer) <= len(text) + self.slack for text in expected)
        return Score(right, float(right))
```
"""


def section(metric: Metric) -> Iterator[str]:
    """One metric: what it does, its options with their defaults."""
    yield f"\n## {metric.name}{' (by value)' if is_continuous(metric) else ''}\n\n"
    yield f"{(inspect.getdoc(type(metric)) or '').replace('``', '`')}\n"
    if options := options_of(type(metric)):
        yield "\n| option | default | |\n|---|---|---|\n"
        for one in options:
            default = ",".join(one.default) if isinstance(one.default, tuple) else one.default
            shown = f"`{_text(default)}`" if default not in ("", {}, None) else ""
            choices = f" One of {', '.join(f'`{c}`' for c in one.choices)}." if one.choices else ""
            yield f"| `{one.name}` | {shown} | {one.help}{choices} |\n"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace("\n", "\\n")


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in SHIPPED:
        parts.extend(section(find_metric(name, **NEEDED.get(name, {}))))
    return "".join([*parts, TAIL])


def main() -> int:
    """0 where the page is written or current, 1 where ``--check`` finds it stale."""
    return write_or_check(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())
