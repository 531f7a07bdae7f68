"""Asks the ordinary rules about one row at a time, and gives their verdict at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ftkit.validation.inspector import Inspector
from ftkit.validation.plugins import RuleSet
from ftkit.validation.report import Finding
from ftkit.validation.rules import Context, Fault
from ftkit.validation.typed import PlainRow


class Verdict(NamedTuple):
    """Whether a row is accepted, and all that was found in it."""

    accepted: bool
    findings: Sequence[Finding]


class Judge:
    """An inspector and the sink that it reports each row to."""

    def __init__(self, context: Context, rules: RuleSet) -> None:
        self.inspector = Inspector(context, rules, None, self)
        self._verdict: Verdict | None = None

    def ask(self, text: bytes | Fault, line: int, plain: PlainRow | None = None) -> Verdict | None:
        """The verdict on one row; None for a blank line, which is none. ``plain``: what the text says."""
        self._verdict = None
        if isinstance(text, Fault):
            self.inspector.result.facts.rows += 1
            self.inspector.fault(text, line)
        else:
            self.inspector.rest([(line, text, plain)])
        return self._verdict

    def take_back(self) -> None:
        """The row that was accepted last is rejected after all, for a reason that is no rule's."""
        self.inspector.result.facts.accepted -= 1

    def row(
        self, line: int, raw: bytes | None, value: Any | None, accepted: bool, findings: Sequence[Finding]
    ) -> None:
        """What the inspector says of a row."""
        self._verdict = Verdict(accepted, findings)

    def blank(self, line: int, raw: bytes) -> None:
        """A blank line is no row."""
