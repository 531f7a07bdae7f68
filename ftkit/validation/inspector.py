"""Runs the rules over rows and adds up what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from ftkit.validation.decode import decode_line, value_fault
from ftkit.validation.forms import Asked, Forms, form_of
from ftkit.validation.inspection import Inspection, frozen
from ftkit.validation.kinds import kind_of_row, messages_of
from ftkit.validation.log import finding_of
from ftkit.validation.oddities import is_blank, note_line
from ftkit.validation.plainpass import PlainPass
from ftkit.validation.rules import Context, DatasetCheck, Fault, Found, Key, RowKind, RowView, Rule
from ftkit.validation.tally import TokenKey, TokenSums
from ftkit.validation.typed import PlainRow, Sound, plain_rows

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.validation.counts import RowCounter
    from ftkit.validation.lines import Block
    from ftkit.validation.plugins import RuleSet
    from ftkit.validation.report import Finding

Render = Callable[[dict[str, Any], int], dict[str, Any] | Fault]
_BATCH = 1000
_PLAIN_KEYS = {"messages", "role", "content"}


class Sink(Protocol):
    """Is told of every row, in order. Only where one process reads the whole source."""

    def row(
        self, line: int, raw: bytes | None, value: Any, accepted: bool, findings: Sequence[Finding]
    ) -> None:
        """One row; ``value`` is None where the line gave none."""
        ...

    def blank(self, line: int, raw: bytes) -> None:
        """One blank line, which is no row."""
        ...


class Inspector:
    """One pass over one source, or over one shard of it. Every row handed in is accepted or rejected."""

    def __init__(
        self,
        context: Context,
        rules: RuleSet,
        render: Render | None = None,
        sink: Sink | None = None,
        *,
        forms: Forms | None = None,
        result: Inspection | None = None,
    ) -> None:
        self.context = context
        self.rules = rules = rules.wanted(context)
        self.result = result or Inspection(context.name, context.options.max_findings)
        self.forms = forms or Forms(rules.of("row"), rules.of("message"))
        self._render, self._sink = render, sink
        self._faults = {rule.kind: rule for rule in rules.of("fault")}
        self._tokens, self._file = rules.of("tokens"), rules.of("file")
        self._counter: RowCounter | None = None
        if context.models:
            from ftkit.validation.counts import RowCounter

            ask_all = any(rule.reads is None for rule in self._tokens)
            self._counter = RowCounter(context.models, context.options.counts, ask_all=ask_all)
        self._checks = {rule.code: (rule, c) for rule in rules.of("dataset") if (c := self._begin(rule))}
        self._sound: list[Sound] = []
        self._said: list[Finding] = []
        self._plain_kind: RowKind = kind_of_row({"messages": []}, context.options.method)
        self.plain = self._plain_pass()

    def _plain_pass(self) -> PlainPass | None:
        """What lets plain rows pass unseen; None where something has to see every row."""
        kind = self._plain_kind
        if self._compares(kind) or self._sink is not None or self._render is not None:
            return None
        if self._counter is None:
            return PlainPass(kind, self.forms.silent)
        if self._counter.provable < 0:
            return None
        return PlainPass(kind, self.forms.silent, self._counter.provable, tuple(self._counter.keys))

    def _compares(self, kind: RowKind) -> bool:
        """Whether a dataset check wants to see plain rows of this kind."""
        rules = [rule for rule, _ in self._checks.values() if kind in rule.kinds]
        return any(rule.reads is None or kind != "chat" for rule in rules)

    def block(self, block: Block) -> None:
        """Check consecutive lines of a JSON lines file."""
        if self.plain is not None and self.plain.takes(block):
            self.rest(self.plain.block(block, self.result))
        elif self._render is not None:
            for number, raw in enumerate(block.lines, block.first):
                self.line(raw, number)
        else:
            self.rest(zip(count(block.first), block.lines, plain_rows(block)))

    def rest(self, rows: Iterable[tuple[int, bytes, PlainRow | None]]) -> None:
        """Check lines, of which some are decoded as plain rows already."""
        for number, raw, row in rows:
            if row is None:
                self.line(raw, number)
                continue
            self.result.facts.rows += 1
            roles = tuple([message.role for message in row.messages])
            if roles in self.forms.silent:
                self._add_up(self._plain_kind, roles, number)
                self._take(Sound(number, raw, row, None))
            else:
                view = self._view(row.example(), number, raw)
                self._ask(view, self.forms.get(roles), roles, _PLAIN_KEYS, plain=True)

    def line(self, raw: bytes, number: int) -> None:
        """Check one line of a JSON lines file, without its line end."""
        note_line(raw, number, self.result.facts)
        if is_blank(raw):
            if not self.result.facts.utf16:  # there, it is the other half of a line end
                self.fault(Fault("blank-line", "the line is blank"), number, raw)
            return
        self.result.facts.rows += 1
        value = decode_line(raw)
        if isinstance(value, Fault):
            self.fault(value, number, raw)
        else:
            self._value(value, number, raw)

    def row(self, data: Any, number: int) -> None:
        """Check one row of a source that is no JSON text."""
        self.result.facts.rows += 1
        if (fault := value_fault(data)) is not None:
            self.fault(fault, number)
        else:
            self._value(data, number, None)

    def fault(self, fault: Fault, number: int | None, raw: bytes | None = None) -> None:
        """Say why a line gives no value; where that rule is left out, at least count it."""
        blank = fault.kind == "blank-line"
        if (rule := self._faults.get(fault.kind)) is not None:
            self._run(rule, (fault,), number, raw)
        elif not blank:
            self.result.unread[fault.kind] += 1
        if self._sink is not None and number is not None:
            if blank:
                self._sink.blank(number, raw or b"")
            else:
                self._sink.row(number, raw, None, False, self._said)
        self._said = []

    def _value(self, data: Any, number: int, raw: bytes | None) -> None:
        if self._render is not None:
            value = self._render(data, number)
            if isinstance(value, Fault):
                self.fault(value, number)
                return
            data, raw = value, None
        view = self._view(data, number, raw)
        formed = form_of(view)
        if formed is None:
            self._ask(view, None, None, set(), plain=False)
        else:
            form, keys = formed
            self._ask(view, self.forms.get(form), form, keys, plain=False)

    def _view(self, value: Any, number: int, raw: bytes | None) -> RowView:
        kind = kind_of_row(value, self.context.options.method)
        messages, at = messages_of(value, kind)
        listed = messages if isinstance(messages, list) else []
        pairs = [(i, m) for i, m in enumerate(listed) if isinstance(m, dict)]
        return RowView(value, number, raw, self.context, pairs, kind=kind, messages_at=at)

    def _ask(self, view: RowView, asked: Asked | None, form: Any, keys: set[Any], *, plain: bool) -> None:
        """Show a row to the rules; where its form is new, to all of them, and remember who spoke."""
        todo = asked if asked is not None else self.forms.everybody(view.kind)
        errors, spoke = self._errors(view, todo)
        if asked is None and form is not None:
            self.forms.learn(form, todo, spoke, keys, plain=plain)
        if not errors and not self._whole(view):
            self.result.unread["not a conversation"] += 1
            errors = 1
        if not errors:
            self._add_up(view.kind, view.roles, view.line)
            self._take(Sound(view.line, view.raw, None, view))
        elif self._sink is not None:
            self._sink.row(view.line, view.raw, view.value, False, self._said)
            self._said = []

    def _add_up(self, kind: RowKind, roles: Sequence[Any], line: int) -> None:
        self.result.facts.saw(kind, line)
        self.result.messages += len(roles)
        self.result.roles.update([role for role in roles if isinstance(role, str)])

    def _whole(self, view: RowView) -> bool:
        """Whether every message is an object, even if no rule is asked that says so."""
        messages, _ = messages_of(view.value, view.kind)
        return isinstance(messages, list) and len(messages) == len(view.messages)

    def _errors(self, view: RowView, asked: Asked) -> tuple[int, set[str]]:
        errors, spoke = 0, set()
        counts = self.result.log.counts
        for rule in asked.row:
            before = counts[rule.code]
            errors += self._run(rule, (view,), view.line, view.raw)
            if counts[rule.code] != before:
                spoke.add(rule.code)
        for rule in asked.message:
            before = counts[rule.code]
            for index, message in view.messages:
                under = (*view.messages_at, index)
                errors += self._run(rule, (message, view), view.line, view.raw, under)
            if counts[rule.code] != before:
                spoke.add(rule.code)
        return errors, spoke | set(self.result.failed)

    def _take(self, sound: Sound) -> None:
        self._sound.append(sound)
        if len(self._sound) >= _BATCH or self._sink is not None:
            self.flush()

    def flush(self) -> None:
        """Say what can be said only of rows whose form is right: tokens, and their place among the others."""
        rows, self._sound = self._sound, []
        if not rows:
            return
        tokens = self._counter.count(rows, self.result.sums) if self._counter is not None else None
        compares = self._compares(self._plain_kind)
        for index, sound in enumerate(rows):
            told = tokens.told.get(index) if tokens is not None else None
            view = sound.view
            if view is None and (compares or self._sink is not None or told is not None):
                view = self._view(sound.example(), sound.line, sound.raw)
            errors = self._look(view, told) if view is not None else 0
            self.result.facts.accepted += not errors
            if self.result.labels.open:
                self.result.labels.add(sound.example())
            size = tokens.sizes[index] if tokens is not None and tokens.sizes else len(sound.raw or b"")
            if size:
                self.result.longest.add(size, sound.line)
            if self._sink is not None:
                self._sink.row(sound.line, sound.raw, sound.example(), not errors, self._said)
                self._said = []

    def _look(self, view: RowView, tokens: Mapping[str, int] | None) -> int:
        """Ask the rules on tokens and the dataset checks; the number of errors."""
        errors = 0
        if tokens is not None:
            view.tokens = tokens
            for rule in self._tokens:
                errors += self._run(rule, (view,), view.line, view.raw)
        for rule, check in self._checks.values():
            if view.kind in rule.kinds:
                errors += self._run(rule, (view,), view.line, view.raw, check=check.row)
        return errors

    def close(self) -> Inspection:
        """What this shard has found, ready to be sent and merged."""
        self.flush()
        self.result.states = {code: frozen(check) for code, (_, check) in self._checks.items()}
        return self.result

    def merge(self, later: Inspection) -> None:
        """Take in what the next shard has found."""
        self.flush()
        self.result.merge(later, {code: (rule.check, check) for code, (rule, check) in self._checks.items()})

    @property
    def mergeable(self) -> bool:
        """Whether shards of the source can be checked apart: no dataset check has to see every row itself."""
        return all(hasattr(check, "merge") for _, check in self._checks.values())

    @property
    def counted(self) -> tuple[list[tuple[Model, TokenKey]], dict[TokenKey, TokenSums]]:
        """The models whose tokens are counted, each with its way of counting, and the sums of each way."""
        models = self._counter.models if self._counter is not None else []
        return models, {key: self.result.sums.get(key, TokenSums()) for _, key in models}

    def finish(self) -> None:
        """Let the rules speak that wait for the end."""
        self.flush()
        facts, (models, sums) = self.result.facts, self.counted
        facts.tokens = {model.id: sums[key].total for model, key in models if sums[key].whole} or None
        for rule in self._file:
            self._run(rule, (facts, self.context), None)
        for rule, check in self._checks.values():
            self._run(rule, (facts,), None, check=check.end)

    def notes(self) -> list[str]:
        """What a person should know beside the findings: what was not counted or not said, and why."""
        result = self.result
        failed = [
            f"rule {code} failed on {count:,} call{'' if count == 1 else 's'} and says nothing there: {words}"
            + (f" (first on line {line})" if line else "")
            for code, count in sorted(result.failed.items())
            for words, line in [result.trouble[code]]
        ]
        silent = ", ".join(f"{count:,} {kind}" for kind, count in sorted(result.unread.items()))
        unread = [f"not usable, and no rule is asked that says so: {silent}"] if silent else []
        return [*self._notes_on_tokens(), *unread, *failed]

    def _notes_on_tokens(self) -> list[str]:
        if self._counter is None:
            return []
        models, sums = self.counted
        unknown = [
            f"{model.id}: tokens of {rows:,} row{'' if rows == 1 else 's'} not known: {reason}"
            for model, key in models
            for reason, rows in sorted(sums[key].unknown.items())
        ]
        return [*self._counter.notes, *unknown]

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
                finding = self.result.log.add(rule, found, line, raw, under)
                if self._sink is not None:
                    self._said.append(finding or finding_of(self.context.name, rule, found, line, raw, under))
                errors += rule.severity_of(found) == "error"
        except Exception as error:  # noqa: BLE001 - a plug-in's rule may fail in any way; it is reported
            self._report_failure(rule, error, line)
        return errors

    def _report_failure(self, rule: Rule, error: Exception, line: int | None) -> None:
        self.result.failed[rule.code] += 1
        self.result.trouble.setdefault(rule.code, (f"{type(error).__name__}: {error}", line))
