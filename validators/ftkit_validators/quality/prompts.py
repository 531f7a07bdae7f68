"""FT508: system prompts that differ from those of the other rows, or from the benchmark's."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

from ftkit.errors import FtkitError
from ftkit.validation import Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.heldout import held_out_files
from ftkit_validators.quality.rows import LineMap
from ftkit_validators.quality.samples import questions, row
from ftkit_validators.quality.texts import digest64, texts

_ASKED = questions(20)
_SYSTEM = "Answer in one short sentence."


@rule(
    "FT508",
    "differing-system-prompt",
    scope="dataset",
    severity="warning",
    kinds=("chat", "preference", "reinforcement"),
    params={"share": 0.9, "rows": 20},
    bad="".join(row(q, f"On {n}.", _SYSTEM if n else "Answer at length.") for n, q in enumerate(_ASKED)),
    good="".join(row(q, f"On {n}.", _SYSTEM) for n, q in enumerate(_ASKED)),
)
class DifferingSystemPrompt:
    """Nearly all rows (``share``, of at least ``rows`` rows) have the same system prompt and this one has
    another or none; or no row of a held-out file has it. A tuned model is at its best with the very prompt
    that it was trained with: another one in the benchmark, were it by a word, measures something else."""

    def __init__(self, context: Context) -> None:
        self.share = float(context.param(DifferingSystemPrompt, "share"))  # type: ignore[arg-type]
        self.least = int(context.param(DifferingSystemPrompt, "rows"))  # type: ignore[arg-type]
        self.systems = array("I")
        self.lines = LineMap()
        self.held: dict[str, frozenset[int]] = {}
        with suppress(FtkitError):  # FT504 says that a held-out file cannot be read
            for file in held_out_files(context):
                self.held[file.name] = frozenset(system & 0xFFFFFFFF for system in file.systems)

    def row(self, row: RowView) -> Iterator[Found]:
        """Keep four bytes of the system prompt's hash."""
        self.systems.append(digest64(texts(row).system.encode()) & 0xFFFFFFFF)
        self.lines.add(row.line)
        return iter(())

    def __getstate__(self) -> dict[str, Any]:
        return {"systems": self.systems, "lines": self.lines}

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.systems += later.systems
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name the rows that differ, and say in one sentence how many differ from a held-out file."""
        import numpy as np

        systems = np.frombuffer(self.systems, np.uint32)
        if not len(systems):
            return
        yield from self._others(systems)
        for name, known in self.held.items():
            strange = np.flatnonzero(~np.isin(systems, np.fromiter(known, np.uint32, len(known))))
            if known and len(strange):
                what = (
                    f"the system prompts of {len(strange):,} of {len(systems):,} rows stand nowhere in {name}"
                )
                hint = "Use the same system prompt, to the last sign, in training and in the benchmark."
                yield Found(what, hint, line=int(self.lines.lines(strange[:1])[0]))

    def _others(self, systems: Any) -> Iterator[Found]:
        """The rows whose system prompt is not the one of nearly all."""
        import numpy as np

        prompts, rows = np.unique(systems, return_counts=True)
        share = int(rows.max()) / len(systems)
        if len(prompts) == 1 or len(systems) < self.least or share < max(self.share, 0.5):
            return
        usual, none = int(prompts[np.argmax(rows)]), digest64(b"") & 0xFFFFFFFF
        different = np.flatnonzero(systems != usual)
        for line, system in zip(
            self.lines.lines(different).tolist(), systems[different].tolist(), strict=True
        ):
            own = "no" if system == none else "a" if usual == none else "another"
            most = f"{share:.1%} of the rows have {'none' if usual == none else 'the same one'}"
            yield Found(
                f"{own} system prompt, where {most}",
                "Give all rows of one task the same system prompt.",
                line=line,
            )


RULES = (DifferingSystemPrompt,)
