"""Remembers which rules have to be asked about a row, by the row's form: its roles and keys.

Most rows of a file have one of a few forms. What a rule has promised not to look at (``Rule.reads``) cannot
change its answer, so a rule that was silent on a form stays silent on it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from ftkit.validation.kinds import messages_of
from ftkit.validation.rules import RowKind, RowView, Rule

RAW = "raw"
"""Named in ``reads``: the rule looks at the line's text too, and is silent on every plain row."""
_MOST_FORMS = 10_000
_ALWAYS_KNOWN = frozenset({"messages", "role", "content"})


class Asked(NamedTuple):
    """The rules of scope ``row`` and ``message`` that a row is shown to."""

    row: tuple[Rule, ...]
    message: tuple[Rule, ...]


class Forms:
    """Knows of each form whom to ask."""

    def __init__(self, row: Iterable[Rule], message: Iterable[Rule]) -> None:
        self._row, self._message = tuple(row), tuple(message)
        self._by_kind: dict[RowKind, Asked] = {}
        self._known: dict[Hashable, Asked] = {}
        self.silent: set[tuple[str, ...]] = set()
        """Sequences of roles on which nobody has anything to say to a plain row."""

    def everybody(self, kind: RowKind) -> Asked:
        """All rules for rows of a kind."""
        if kind not in self._by_kind:
            self._by_kind[kind] = Asked(
                tuple(rule for rule in self._row if kind in rule.kinds),
                tuple(rule for rule in self._message if kind in rule.kinds),
            )
        return self._by_kind[kind]

    def get(self, form: Hashable) -> Asked | None:
        """Whom to ask; None where the form is new."""
        return self._known.get(form)

    def learn(self, form: Hashable, asked: Asked, spoke: set[str], keys: set[Any], *, plain: bool) -> Asked:
        """Note that of ``asked`` only the rules in ``spoke`` said anything on this form.

        ``keys`` are all keys of the row and its messages; ``plain`` says that the row was proven plain.
        """

        def still(rules: Iterable[Rule]) -> tuple[Rule, ...]:
            return tuple(r for r in rules if r.code in spoke or not _silenced(r, keys, plain))

        if len(self._known) >= _MOST_FORMS:
            self._known.clear()
        rest = Asked(still(asked.row), still(asked.message))
        self._known[form] = rest
        if plain and isinstance(form, tuple) and not rest.row and not rest.message:
            self.silent.add(form)
        return rest


def _silenced(rule: Rule, keys: set[Any], plain: bool) -> bool:
    """Whether a rule that was silent on a row is silent on every row of that form."""
    if rule.reads is None or (RAW in rule.reads and not plain):
        return False
    return not (rule.reads - _ALWAYS_KNOWN) & keys


def form_of(view: RowView) -> tuple[Hashable, set[Any]] | None:
    """The form of a row, and all its keys; None where it has none: then everybody is asked.

    A row has a form when its messages are a list of objects with a text for a role, and a text that is not
    blank for content (or null, which belongs to the form, or no such key).
    """
    given, _ = messages_of(view.value, view.kind)
    if not isinstance(given, list) or len(given) != len(view.messages):
        return None
    forms, keys = [], set(view.value)
    for _, message in view.messages:
        content = message.get("content", "x")
        if type(message.get("role")) is not str or (
            content is not None and (type(content) is not str or not content or content.isspace())
        ):
            return None
        keys.update(message)
        forms.append((message["role"], content is None, *message))
    return (view.kind, tuple(view.value), tuple(forms)), keys
