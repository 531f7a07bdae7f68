"""What a rule is, and how a rule family (ours or a third party's) writes one.

A family module holds functions under the :func:`rule` decorator and names them in ``RULES``; the entry
point group ``ftkit.validators`` points at that sequence. A rule's docstring is its *why*, and its bad
and good example are its tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from ftkit.catalog import Model, Provider, RuleLevel
    from ftkit.validation.options import ValidateOptions

Severity = Literal["error", "warning", "info"]
RowKind = Literal["chat", "preference", "reinforcement", "completion"]
ROW_KINDS: tuple[RowKind, ...] = ("chat", "preference", "reinforcement", "completion")
Scope = Literal["fault", "row", "message", "tokens", "file", "dataset"]
Key = str | int


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says about one place.

    ``at`` are the keys that lead from the checked value to the place (a message rule starts at its
    message); ``the_key`` says that the last key itself is meant, not its value; ``offset`` is a byte
    offset in the line, where there is no value to point into. ``masked``: the place holds what must not
    be repeated (a key, a card's number), so the finding shows no excerpt.
    """

    message: str
    hint: str | None = None
    at: tuple[Key, ...] = ()
    line: int | None = None
    offset: int | None = None
    severity: Severity | None = None
    the_key: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line gives no value: one of the kinds that a rule of scope ``fault`` speaks for."""

    kind: str
    message: str
    hint: str | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every row of one validation."""

    name: str
    provider: Provider
    models: Sequence[Model]
    options: ValidateOptions
    params: Mapping[str, Any] = field(default_factory=dict)
    """What was set for rules that take parameters, by ``CODE.parameter``; read with :meth:`param`."""

    def param(self, of: Rule, name: str) -> Any:
        """The value of a rule's parameter: what was set, else the rule's own default."""
        return self.params.get(f"{of.code}.{name}", of.params[name])


@dataclass(slots=True)
class RowView:
    """One decoded row as rules see it. ``raw`` is its line; None where the row was no JSON text.

    ``line`` counts from 1 (within a shard, where the file is checked in shards). ``messages`` are the
    (index, message) pairs of those that are objects in the list at ``messages_at``. ``tokens`` maps a
    model's id to the row's exact count, for rules of scope ``tokens``. ``shared`` is where rules keep what
    they have worked out of the row for one another.
    """

    value: dict[str, Any]
    line: int
    raw: bytes | None
    context: Context
    messages: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    tokens: Mapping[str, int] = field(default_factory=dict)
    kind: RowKind = "chat"
    messages_at: tuple[Key, ...] = ("messages",)
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> list[Any]:
        """Who speaks, message by message."""
        return [message.get("role") for _, message in self.messages]

    def at(self, place: int, *keys: Key) -> tuple[Key, ...]:
        """The keys that lead to the ``place``-th pair of ``messages``, and on through ``keys``."""
        return (*self.messages_at, self.messages[place][0], *keys)


@dataclass(slots=True)
class FileFacts:
    """What is known of the whole source after its last row. ``first_*`` are lines, counted from 1.

    ``bytes`` is the size of the text itself, unpacked; None where the source is no text. ``file_bytes``
    is the size of the file as it lies on the disk, packed where it is. ``tokens`` are the tokens of all
    rows by model id, where models are counted. ``chat``, ``preference``, ``reinforcement`` and
    ``completion`` count the rows of each kind.
    """

    rows: int = 0
    accepted: int = 0
    bytes: int | None = None
    has_bom: bool = False
    crlf: int = 0
    first_crlf: int | None = None
    cr: int = 0
    first_cr: int | None = None
    lf: int = 0
    lines: int = 0
    file_bytes: int | None = None
    tokens: Mapping[str, int] | None = None
    utf16: bool | None = None
    nul_escapes: int = 0
    first_nul_escape: int | None = None
    separators: int = 0
    first_separator: int | None = None
    chat: int = 0
    first_chat: int | None = None
    preference: int = 0
    first_preference: int | None = None
    reinforcement: int = 0
    first_reinforcement: int | None = None
    completion: int = 0
    first_completion: int | None = None

    def saw(self, kind: RowKind, line: int, rows: int = 1) -> None:
        """Count rows of a kind, of which the first is on this line."""
        setattr(self, kind, getattr(self, kind) + rows)
        if getattr(self, f"first_{kind}") is None:
            setattr(self, f"first_{kind}", line)

    def merge(self, later: FileFacts) -> None:
        """Take in what is known of the lines that follow; there, lines count from 1 again."""
        before = self.lines
        for fact in fields(self):
            mine, theirs = getattr(self, fact.name), getattr(later, fact.name)
            if fact.name.startswith("first_"):
                if mine is None and theirs is not None:
                    setattr(self, fact.name, theirs + before)
            elif not isinstance(mine, bool) and theirs is not None:
                setattr(self, fact.name, (mine or 0) + theirs)


class DatasetCheck(Protocol):
    """A rule that looks at all rows together: it sees each good row, and speaks then or at the end.

    Large files are checked in shards, each with a check of its own, whose lines begin at 1. A class
    that can be put together again has ``merge(self, later, lines)``: take in the (pickled) check of the
    next shard, before which there are ``lines`` lines. What it says at once in ``row`` must then depend
    on that row alone; the rest is for ``end``, which is called once on the merged check. A class without
    ``merge`` is given every row in one process.
    """

    def row(self, row: RowView) -> Iterable[Found]:
        """See one row that has no error so far."""
        ...

    def end(self, facts: FileFacts) -> Iterable[Found]:
        """Speak about the whole."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """An example of a rule: a file's content, and what it is checked under.

    ``settings`` are fields of :class:`ftkit.settings.Settings` (own providers and models, mostly),
    ``options`` those of :class:`ftkit.validation.ValidateOptions`.
    """

    content: str | bytes
    file: str = "data.jsonl"
    platform: str = "local"
    models: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The content as bytes."""
        return self.content.encode() if isinstance(self.content, str) else self.content


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What ``check`` is called with depends on ``scope``:

    - ``fault``: (Fault), for lines that give no value; ``kind`` is the fault that it speaks for
    - ``row``: (RowView), every decoded row
    - ``message``: (message, RowView), every message that is an object
    - ``tokens``: (RowView) with ``tokens``, rows without errors when models are asked for
    - ``file``: (FileFacts, Context), once at the end
    - ``dataset``: (Context), once at the beginning, answering a :class:`DatasetCheck`

    ``kinds`` are the kinds of rows that it is asked about. ``reads`` is a promise that lets most rows
    pass without asking: the rule looks at nothing but the roles in their order, which keys there are,
    and the values of the keys named (at any depth of the row). On messages that have a role and a
    non-blank text ``content`` only, it says the same whatever that text is; and unless one of the other
    named keys is there, its answer follows from the roles. None promises nothing, and the rule is asked
    about every row. (Of a dataset check for chat rows it says that plain rows are none of its business.)
    ``params`` are its parameters with their defaults; a person sets them by ``CODE.name``.
    A rule whose severity is ``off`` is listed and not asked, until a person or platform gives it another;
    ``fixed`` says that one of them has. ``wanted`` tells whether there is anything to ask at all; a rule
    without it is always asked.
    """

    code: str
    name: str
    severity: RuleLevel
    scope: Scope
    why: str
    bad: Case
    good: Case
    check: Callable[..., Any]
    kind: str | None = None
    kinds: frozenset[RowKind] = frozenset({"chat"})
    reads: frozenset[str] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    fixed: bool = False
    wanted: Callable[[Context], bool] | None = None

    def severity_of(self, found: Found) -> Severity:
        """How severe a finding is. Where a person or platform has set it, at most so."""
        own: Severity = self.severity if self.severity != "off" else "info"
        said: Severity = found.severity or own
        return own if self.fixed and _MILDNESS.index(own) > _MILDNESS.index(said) else said


_MILDNESS: tuple[Severity, ...] = ("error", "warning", "info")


def rule(
    code: str,
    name: str,
    *,
    bad: str | bytes | Case,
    good: str | bytes | Case,
    scope: Scope = "row",
    severity: RuleLevel = "error",
    kind: str | None = None,
    kinds: Iterable[RowKind] = ("chat",),
    reads: Iterable[str] | None = None,
    params: Mapping[str, Any] | None = None,
    wanted: Callable[[Context], bool] | None = None,
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a check function (or, for scope ``dataset``, of a class); its docstring is the why."""

    def make(check: Callable[..., Any]) -> Rule:
        why = " ".join((inspect.getdoc(check) or "").split())
        if not why:
            raise TypeError(f"rule {code} says no why: give its check a docstring")
        return Rule(
            code,
            name,
            severity,
            scope,
            why,
            _case(bad),
            _case(good),
            check,
            kind,
            frozenset(kinds),
            None if reads is None else frozenset(reads),
            dict(params or {}),
            wanted=wanted,
        )

    return make


def _case(example: str | bytes | Case) -> Case:
    return example if isinstance(example, Case) else Case(example)


def fault_rule(
    code: str,
    kind: str,
    why: str,
    *,
    bad: str | bytes | Case,
    good: str | bytes | Case,
    severity: RuleLevel = "error",
) -> Rule:
    """A rule for lines that give no value for the reason ``kind``; its words are the decoder's."""
    return Rule(code, kind, severity, "fault", why, _case(bad), _case(good), _as_found, kind)


def _as_found(fault: Fault) -> Iterator[Found]:
    yield Found(fault.message, fault.hint, offset=fault.offset)
