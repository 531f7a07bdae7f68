"""The pass that mends: tells every change, and sums up."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ftkit.data import canonical_json
from ftkit.display import Display
from ftkit.validation.fixing.candidates import Candidate
from ftkit.validation.fixing.mends import Change
from ftkit.validation.fixing.opening import Opened
from ftkit.validation.fixing.outputs import Output
from ftkit.validation.fixing.passes import Pass
from ftkit.validation.fixing.report import FixOptions, FixReport
from ftkit.validation.fixing.rows import decode
from ftkit.validation.fixing.source import BOM, SourceText
from ftkit.validation.oddities import note_line
from ftkit.validation.rules import FileFacts


class MendingPass(Pass):
    """A pass that mends, and tells what it changed."""

    def __init__(self, opened: Opened, mends: FixOptions, good: Output, bad: Output, log: Output) -> None:
        super().__init__(opened, good, bad)
        self.fixed, self.left, self.log = good, bad, log
        self._mends = mends
        self._text: SourceText | None = None
        self._changes: Counter[str] = Counter()
        self._changed = 0
        self._duplicates = 0
        self._odd = FileFacts()
        self._seen: dict[bytes, int] = {}

    def whole(self, display: Display) -> FixReport:
        """Run over the source; the report, with the files that will have come into being."""
        validation = self.over(display, "fix", self._candidates)
        counts = dict(sorted(self._changes.items()))
        facts = self.judge.inspector.result.facts
        sums = {"read": facts.rows, "accepted": facts.accepted, "rejected": facts.rows - facts.accepted}
        self.log.entry({"summary": {**sums, "changed": self._changed, "changes": counts}})
        return FixReport(
            ok=validation.ok,
            source=self.opened.context.name,
            **sums,
            changed=self._changed,
            duplicates=self._duplicates,
            changes=counts,
            fixed=self.fixed.result(),
            rejected_rows=self.left.result(),
            log=self.log.result(),
            validation=validation,
        )

    def _candidates(self, update: Callable[[float], None]) -> Iterator[Candidate]:
        if self.opened.path is None:
            return self.opened.mended_rows(self._mends.aliases)
        longest = self.opened.context.options.max_line_bytes
        self._text = SourceText(self.opened.path, longest, update)
        return self.opened.mended_text(self._text, self._note, self._mends.aliases)

    def accept(self, candidate: Candidate) -> bool:
        """Write a good row, unless it is a copy that was to be dropped; tell what was changed in it."""
        assert isinstance(candidate.text, bytes)
        first = self._first_of(candidate) if self._mends.drop_duplicates else None
        if first is not None:
            self.judge.take_back()
            self._duplicates += 1
            self.reject(candidate, [_duplicate(first)])
            return False
        if not self.fixed.rows:
            self._mark()
        self.fixed.line(candidate.text)
        note_line(candidate.text, candidate.line, self._odd)
        self._changed += bool(candidate.changes)
        for change in candidate.changes:
            self._note(change)
        return True

    def at_end(self) -> None:
        """Tell the changes to the whole file, and let the facts be those of the corrected copy."""
        text = self._text
        for change in text.changes if text is not None else ():
            self._note(change)
        facts = self.judge.inspector.result.facts
        if text is not None and text.has_bom and not facts.has_bom:
            self._note(Change("byte-order-mark-removed", 1))
        facts.utf16, facts.separators = False, 0
        facts.nul_escapes, facts.first_nul_escape = self._odd.nul_escapes, self._odd.first_nul_escape
        facts.lines = facts.lf = self.fixed.rows
        facts.bytes = self.fixed.bytes

    def _mark(self) -> None:
        """Begin the corrected copy with a byte-order mark where the platform wants or allows it."""
        had = self._text is not None and self._text.has_bom
        wanted = self.opened.context.provider.dialect.training_file_bom
        if wanted == "required" or (wanted == "accepted" and had):
            self.fixed.write(BOM)
            self.judge.inspector.result.facts.has_bom = True
            if not had:
                self._note(Change("byte-order-mark-added", 1))

    def _note(self, change: Change) -> None:
        self._changes[change.mend] += 1
        self.log.entry(change.entry())

    def _first_of(self, candidate: Candidate) -> int | None:
        """The line of an earlier row that says the same."""
        assert isinstance(candidate.text, bytes)
        digest = hashlib.blake2b(canonical_json(decode(candidate.text)), digest_size=16).digest()
        if digest in self._seen:
            return self._seen[digest]
        self._seen[digest] = candidate.line
        return None


def _duplicate(first: int) -> dict[str, Any]:
    message = f"the same example as on line {first}; duplicates were to be dropped"
    said = {"code": "FT501", "rule": "duplicate-example", "severity": "error", "message": message}
    return {**said, "pointer": None, "column": None}
