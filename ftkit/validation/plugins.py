"""Finds the rules: entry points of the group ``ftkit.validators``, ours and anybody's."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ftkit.errors import UsageError
from ftkit.validation.rules import Rule, Scope

GROUP = "ftkit.validators"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order of their codes, and what is to be said about plug-ins that did not load."""

    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()

    def of(self, scope: Scope) -> tuple[Rule, ...]:
        """The rules of one scope."""
        return tuple(rule for rule in self.rules if rule.scope == scope)

    def get(self, name: str) -> Rule:
        """The rule with this code or name; UsageError with the nearest ones where there is none."""
        wanted = name.casefold()
        for rule in self.rules:
            if wanted in (rule.code.casefold(), rule.name.casefold()):
                return rule
        known = [*(r.code for r in self.rules), *(r.name for r in self.rules)]
        folded = {said.casefold(): said for said in known}
        close = [folded[said] for said in difflib.get_close_matches(wanted, folded, n=3, cutoff=0.5)]
        guess = f"Did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(f"no rule is called {name!r}", hint=f"{guess}`ftkit rules` lists all of them.")

    def without(self, names: Iterable[str]) -> RuleSet:
        """These rules, less the named ones."""
        out = {self.get(name).code for name in names}
        return RuleSet(tuple(r for r in self.rules if r.code not in out), self.notes)


@cache
def load_rules() -> RuleSet:
    """Every rule that is installed. A plug-in that is broken is left out and named in ``notes``."""
    rules: dict[str, Rule] = {}
    notes: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (not p.value.startswith("ftkit_"), p.name)):
        found, trouble = _load(point)
        if trouble:
            notes.append(f"validator plug-in {point.name!r} ({point.value}) is left out: {trouble}")
        for rule in found:
            if rule.code in rules:
                notes.append(f"rule {rule.code} of plug-in {point.name!r} is left out: its code is taken")
            else:
                rules[rule.code] = rule
    return RuleSet(tuple(sorted(rules.values(), key=lambda r: r.code)), tuple(notes))


def _load(point: EntryPoint) -> tuple[Sequence[Rule], str | None]:
    try:
        loaded = point.load()
    except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way; it is named in the report
        return (), f"{type(error).__name__}: {error}"
    if not isinstance(loaded, Sequence) or isinstance(loaded, str):
        return (), f"it is not a sequence of rules but {type(loaded).__name__}"
    for index, item in enumerate(loaded):
        if not isinstance(item, Rule):
            what = getattr(item, "__name__", None) or type(item).__name__
            return (), f"item {index} ({what}) is no rule; is its @rule decorator missing?"
    return loaded, None
