"""What a rule is, and how a rule family (ours or a third party's) writes one.

A family module holds functions under the :func:`rule` decorator and names them in ``RULES``; the entry
point group ``ftkit.validators`` points at that sequence. A rule's docstring is its *why*, and its bad
and good example are its tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from ftkit.catalog import Model, Provider
    from ftkit.validation.options import ValidateOptions

Severity = Literal["error", "warning", "info"]
Scope = Literal["fault", "row", "message", "tokens", "file", "dataset"]
Key = str | int


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says about one place.

    ``at`` are the keys that lead from the checked value to the place (a message rule starts at its
    message); ``the_key`` says that the last key itself is meant, not its value; ``offset`` is a byte
    offset in the line, where there is no value to point into.
    """

    message: str
    hint: str | None = None
    at: tuple[Key, ...] = ()
    line: int | None = None
    offset: int | None = None
    severity: Severity | None = None
    the_key: bool = False


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


@dataclass(slots=True)
class RowView:
    """One decoded row as rules see it. ``raw`` is its line; None where the row was no JSON text.

    ``messages`` are the (index, message) pairs of the messages that are objects. ``tokens`` maps a
    model's id to the row's exact count, for rules of scope ``tokens``.
    """

    value: dict[str, Any]
    line: int
    raw: bytes | None
    context: Context
    messages: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    tokens: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class FileFacts:
    """What is known of the whole source after its last row. ``first_*`` are lines, counted from 1.

    ``bytes`` is the size of the text itself, unpacked; None where the source is no text.
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


class DatasetCheck(Protocol):
    """A rule that looks at all rows together: it sees each good row, and speaks then or at the end."""

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
    """

    code: str
    name: str
    severity: Severity
    scope: Scope
    why: str
    bad: Case
    good: Case
    check: Callable[..., Any]
    kind: str | None = None


def rule(
    code: str,
    name: str,
    *,
    bad: str | bytes | Case,
    good: str | bytes | Case,
    scope: Scope = "row",
    severity: Severity = "error",
    kind: str | None = None,
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a check function (or, for scope ``dataset``, of a class); its docstring is the why."""

    def make(check: Callable[..., Any]) -> Rule:
        why = " ".join((inspect.getdoc(check) or "").split())
        if not why:
            raise TypeError(f"rule {code} says no why: give its check a docstring")
        return Rule(code, name, severity, scope, why, _case(bad), _case(good), check, kind)

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
    severity: Severity = "error",
) -> Rule:
    """A rule for lines that give no value for the reason ``kind``; its words are the decoder's."""
    return Rule(code, kind, severity, "fault", why, _case(bad), _case(good), _as_found, kind)


def _as_found(fault: Fault) -> Iterator[Found]:
    yield Found(fault.message, fault.hint, offset=fault.offset)
