"""Runs the rules over rows, one at a time, and adds up what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ftkit.validation.decode import decode_line
from ftkit.validation.log import FindingLog
from ftkit.validation.plugins import RuleSet
from ftkit.validation.rules import Context, DatasetCheck, Fault, FileFacts, Found, Key, RowView, Rule
from ftkit.validation.tally import LabelTally, TokenTally

Render = Callable[[dict[str, Any], int], dict[str, Any] | Fault]


class Inspector:
    """One pass over one source. Every row that is handed in ends up accepted or rejected."""

    def __init__(self, context: Context, rules: RuleSet, render: Render | None = None) -> None:
        self.context = context
        self.facts = FileFacts()
        self.log = FindingLog(context.name, context.options.max_findings)
        self.tokens = TokenTally(context.models)
        self.labels = LabelTally()
        self.messages = 0
        self.unread: Counter[str] = Counter()
        self._render = render
        self._failed: Counter[str] = Counter()
        self._trouble: dict[str, str] = {}
        self._faults = {rule.kind: rule for rule in rules.of("fault")}
        self._row, self._message = rules.of("row"), rules.of("message")
        self._tokens, self._file = rules.of("tokens"), rules.of("file")
        self._dataset = [(rule, c) for rule in rules.of("dataset") if (c := self._begin(rule)) is not None]

    def line(self, raw: bytes, number: int) -> None:
        """Check one line of a JSON lines file, without its line end."""
        if not raw or raw.isspace():
            self.fault(Fault("blank-line", "the line is blank"), number, raw)
            return
        self.facts.rows += 1
        value = decode_line(raw)
        if isinstance(value, Fault):
            self.fault(value, number, raw)
        elif self._render is None:
            self._value(RowView(value, number, raw, self.context))
        else:
            self._rendered(value, number)

    def row(self, data: Any, number: int) -> None:
        """Check one row of a source that is no JSON text."""
        self.facts.rows += 1
        if self._render is None:
            self._value(RowView(data, number, None, self.context))
        else:
            self._rendered(data, number)

    def _rendered(self, data: dict[str, Any], number: int) -> None:
        assert self._render is not None
        value = self._render(data, number)
        if isinstance(value, Fault):
            self.fault(value, number)
        else:
            self._value(RowView(value, number, None, self.context))

    def fault(self, fault: Fault, number: int | None, raw: bytes | None = None) -> None:
        """Say why a line gives no value; where that rule is left out, at least count it."""
        if (rule := self._faults.get(fault.kind)) is not None:
            self._run(rule, (fault,), number, raw)
        elif fault.kind != "blank-line":
            self.unread[fault.kind] += 1

    def _value(self, row: RowView) -> None:
        messages = row.value.get("messages")
        if isinstance(messages, list):
            row.messages = [(i, m) for i, m in enumerate(messages) if isinstance(m, dict)]
        errors = 0
        for rule in self._row:
            errors += self._run(rule, (row,), row.line, row.raw)
        for rule in self._message:
            for index, message in row.messages:
                errors += self._run(rule, (message, row), row.line, row.raw, ("messages", index))
        if not errors and not (isinstance(messages, list) and len(messages) == len(row.messages)):
            self.unread["not a conversation"] += 1
            errors = 1
        if not errors:
            errors = self._sound(row)
        self.facts.accepted += not errors

    def _sound(self, row: RowView) -> int:
        """What can be said only of a row whose form is right: its tokens, its place among the others."""
        errors = 0
        if self.context.models:
            try:
                row.tokens = self.tokens.count(row.value)
            except (ValueError, RecursionError):  # a tool that is nested too deeply to be written out
                self.unread["not countable"] += 1
                return 1
            for rule in self._tokens:
                errors += self._run(rule, (row,), row.line, row.raw)
        self.messages += len(row.messages)
        self.labels.add(row.value)
        for rule, check in self._dataset:
            errors += self._run(rule, (row,), row.line, row.raw, check=check.row)
        return errors

    def finish(self) -> None:
        """Let the rules speak that wait for the end."""
        for rule in self._file:
            self._run(rule, (self.facts, self.context), None)
        for rule, check in self._dataset:
            self._run(rule, (self.facts,), None, check=check.end)

    def notes(self) -> list[str]:
        """What a person should know beside the findings: what was not counted or not said, and why."""
        failed = [
            f"rule {code} failed on {count:,} call{'' if count == 1 else 's'} and says nothing there: "
            f"{self._trouble[code]}"
            for code, count in self._failed.items()
        ]
        silent = ", ".join(f"{count:,} {kind}" for kind, count in self.unread.items())
        unread = [f"not usable, and no rule is asked that says so: {silent}"] if silent else []
        return [*self.tokens.notes, *unread, *failed]

    def _begin(self, rule: Rule) -> DatasetCheck | None:
        try:
            check: DatasetCheck = rule.check(self.context)
        except Exception as error:  # noqa: BLE001 - a plug-in's rule may fail in any way; it is reported
            self._report_failure(rule, error, None)
            return None
        return check

    def _run(
        self,
        rule: Rule,
        args: tuple[Any, ...],
        line: int | None,
        raw: bytes | None = None,
        under: tuple[Key, ...] = (),
        check: Callable[..., Iterable[Found]] | None = None,
    ) -> int:
        """Call a rule's check and log what it says; the number of errors."""
        errors = 0
        try:
            for found in (check or rule.check)(*args):
                errors += self.log.add(rule, found, line, raw, under)
        except Exception as error:  # noqa: BLE001 - a plug-in's rule may fail in any way; it is reported
            self._report_failure(rule, error, line)
        return errors

    def _report_failure(self, rule: Rule, error: Exception, line: int | None) -> None:
        self._failed[rule.code] += 1
        place = f" (first on line {line})" if line else ""
        self._trouble.setdefault(rule.code, f"{type(error).__name__}: {error}{place}")
