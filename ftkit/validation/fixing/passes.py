"""One pass over the rows of a source: each is judged, and written to the one file or the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ftkit.display import Display
from ftkit.errors import DataError, Where
from ftkit.validation.engine import _report
from ftkit.validation.fixing.candidates import Candidate
from ftkit.validation.fixing.judge import Judge
from ftkit.validation.fixing.opening import Opened
from ftkit.validation.fixing.outputs import Output
from ftkit.validation.report import Finding, ValidationReport
from ftkit.validation.rules import Fault

_ROWS_PER_UPDATE = 1000


class Pass:
    """A judge, and the files for what it accepts and for what it does not; either may be missing."""

    def __init__(self, opened: Opened, good: Output | None, bad: Output | None) -> None:
        self.opened = opened
        self.judge = Judge(opened.context, opened.rules)
        self.good, self.bad = good, bad

    def over(
        self,
        display: Display,
        verb: str,
        candidates: Callable[[Callable[[float], None]], Iterator[Candidate]],
    ) -> ValidationReport:
        """Judge all candidates, and report."""
        opened, inspector = self.opened, self.judge.inspector
        name = Path(opened.context.name).name if opened.path else opened.context.name
        with display.work(f"{verb} {name}", opened.total, "B" if opened.path else "rows") as progress:
            try:
                self._judge_all(candidates(progress.update), None if opened.path else progress.update)
            except DataError as error:
                line = error.where.line if isinstance(error.where, Where) else None
                inspector.fault(Fault("damaged-source", error.message, error.hint), line)
        self.at_end()
        inspector.finish()
        kind, notes = ("jsonl", ()) if opened.rows is None else (opened.rows.kind, opened.rows.notes)
        return _report(inspector, kind, opened.rules, notes)

    def _judge_all(self, candidates: Iterator[Candidate], update: Callable[[float], None] | None) -> None:
        facts, limit = self.judge.inspector.result.facts, self.opened.context.options.source.limit
        for candidate in candidates:
            if limit is not None and facts.rows >= limit:
                return
            self.one(candidate)
            if update is not None and facts.rows % _ROWS_PER_UPDATE == 0:
                update(facts.rows)

    def one(self, candidate: Candidate) -> bool:
        """Judge one candidate; whether it is accepted."""
        verdict = self.judge.ask(candidate.text, candidate.line, candidate.plain)
        if verdict is None:
            return False
        if verdict.accepted:
            return self.accept(candidate)
        self.reject(candidate, [_reason(finding) for finding in verdict.findings])
        return False

    def accept(self, candidate: Candidate) -> bool:
        """Write a good row."""
        assert isinstance(candidate.text, bytes)
        if self.good is not None:
            self.good.line(candidate.text)
        return True

    def reject(self, candidate: Candidate, reasons: list[dict[str, Any]]) -> None:
        """Write a bad row with what is wrong with it."""
        if self.bad is not None:
            self.bad.entry({"line": candidate.line, "reasons": reasons, **candidate.entry()})

    def at_end(self) -> None:
        """What is to be done before the rules speak that wait for the end."""


def _reason(finding: Finding) -> dict[str, Any]:
    keys = ("code", "rule", "severity", "message", "pointer", "column")
    return {key: getattr(finding, key) for key in keys}
