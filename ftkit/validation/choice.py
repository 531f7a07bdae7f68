"""Which rules are asked, how severe each is and what its parameters are.

Strength, the weakest first: the rule's own default, the platform's (catalog), ``[validation]`` in
ftkit.toml, the options of the call. Within one of them a longer selector beats a shorter one.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError
from ftkit.validation.rules import Rule

if TYPE_CHECKING:
    from ftkit.catalog import RuleLevel
    from ftkit.settings import ValidationSettings
    from ftkit.validation.options import ValidateOptions

_WHOLE = 1000
"""The weight of a selector that names one rule; a prefix weighs its length."""
_FILE, _CALL = "in [validation] of ftkit.toml", "in the call"


def find_rule(rules: Sequence[Rule], name: str, where: str | None = None) -> Rule:
    """The rule with this code or name, in any case; UsageError with the nearest ones where there is none."""
    wanted = name.casefold()
    for rule in rules:
        if wanted in (rule.code.casefold(), rule.name.casefold()):
            return rule
    guess = _guess(wanted, [*(r.code for r in rules), *(r.name for r in rules)])
    raise UsageError(
        f"no rule is called {name!r}", where=where, hint=f"{guess}`ftkit rules` lists all of them."
    )


def selected(rules: Sequence[Rule], selector: str, where: str | None = None) -> tuple[list[Rule], int]:
    """The rules that a code, a name or the beginning of codes (``FT5``) names, and the selector's weight.

    UsageError where it names none.
    """
    wanted = selector.strip().casefold()
    whole = [rule for rule in rules if wanted in (rule.code.casefold(), rule.name.casefold())]
    if whole:
        return whole, _WHOLE
    family = [rule for rule in rules if wanted and rule.code.casefold().startswith(wanted)]
    return (family, len(wanted)) if family else ([find_rule(rules, selector, where)], _WHOLE)


def levels_of(
    rules: Sequence[Rule],
    platform: Mapping[str, RuleLevel],
    settings: ValidationSettings,
    options: ValidateOptions,
) -> dict[str, RuleLevel]:
    """How severe each rule is, by code; ``off`` also for those that are not selected, or ignored."""
    levels: dict[str, RuleLevel] = {rule.code: rule.severity for rule in rules}
    known = {rule.code for rule in rules}
    levels.update({code: level for code, level in platform.items() if code in known})
    for table, where in ((settings.severity, _FILE), (options.severity, _CALL)):
        levels.update(_by_weight(rules, table, where))
    asked = _asked(rules, settings, options)
    return {code: level if code in asked else "off" for code, level in levels.items()}


def _by_weight(rules: Sequence[Rule], table: Mapping[str, RuleLevel], where: str) -> dict[str, RuleLevel]:
    """The level of every rule that the table's selectors name; the longest selector decides."""
    weights: dict[str, int] = {}
    levels: dict[str, RuleLevel] = {}
    for selector, level in table.items():
        chosen, weight = selected(rules, selector, where)
        for rule in chosen:
            if weight >= weights.get(rule.code, 0):
                weights[rule.code], levels[rule.code] = weight, level
    return levels


def _asked(rules: Sequence[Rule], settings: ValidationSettings, options: ValidateOptions) -> set[str]:
    """The codes that are selected and not ignored. A call's ``select`` stands in place of the file's."""
    votes: dict[str, tuple[int, int, bool]] = {}  # code -> (weight, strength, ignored)

    def vote(selectors: Iterable[str], where: str, strength: int, ignored: bool) -> None:
        for selector in selectors:
            chosen, weight = selected(rules, selector, where)
            for rule in chosen:
                votes[rule.code] = max(votes.get(rule.code, (0, 0, False)), (weight, strength, ignored))

    vote(options.select, _CALL, 1, False)
    if not options.select:
        vote(settings.select, _FILE, 0, False)
    vote(settings.ignore, _FILE, 0, True)
    vote(options.ignore, _CALL, 1, True)
    every = not (options.select or settings.select)
    return {r.code for r in rules if not votes.get(r.code, (0, 0, not every))[2]}


def with_levels(rules: Sequence[Rule], levels: Mapping[str, RuleLevel]) -> tuple[Rule, ...]:
    """The rules that are asked, each with its level."""
    return tuple(
        rule
        if levels[rule.code] == rule.severity
        else dataclasses.replace(rule, severity=levels[rule.code], fixed=True)
        for rule in rules
        if levels[rule.code] != "off"
    )


def params_of(
    rules: Sequence[Rule], settings: ValidationSettings, options: ValidateOptions
) -> dict[str, Any]:
    """What is set for rules' parameters, by ``CODE.parameter``, each of its default's type."""
    params: dict[str, Any] = {}
    for table, where in ((settings.params, _FILE), (options.params, _CALL)):
        for name, given in table.items():
            rule, param = _param(rules, name, where)
            params[f"{rule.code}.{param}"] = _value(name, rule.params[param], given, where)
    return params


def _param(rules: Sequence[Rule], name: str, where: str) -> tuple[Rule, str]:
    code, dot, param = name.rpartition(".")
    if not dot:
        raise UsageError(f"{name!r} names no parameter", where=where, hint="Write it as CODE.parameter.")
    rule = find_rule(rules, code, where)
    if param in rule.params:
        return rule, param
    known = ", ".join(rule.params) or "none"
    hint = f"{_guess(param, list(rule.params))}Its parameters: {known}."
    raise UsageError(f"{rule.code} ({rule.name}) has no parameter {param!r}", where=where, hint=hint)


def _value(name: str, default: Any, given: Any, where: str) -> Any:
    """``given``, or what its text says, as a value of the default's type; UsageError where it is none."""
    kind = next((kind for kind in _KINDS if isinstance(default, kind)), None)
    if kind is None:
        return given
    words, read = _KINDS[kind]
    try:
        return read(given)
    except (TypeError, ValueError):
        raise UsageError(
            f"{name} is {words}, not {given!r}", where=where, hint=f"Its default is {default!r}."
        ) from None


def _parsed(given: Any) -> Any:
    return json.loads(given) if isinstance(given, str) else given


def _truth(given: Any) -> bool:
    value = _parsed(given.casefold() if isinstance(given, str) else given)
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(given: Any) -> int:
    value = _parsed(given)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise TypeError
    return int(value)


def _number(given: Any) -> float:
    value = float(_parsed(given))
    if isinstance(given, bool) or value != value or value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given


def _several(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    if not isinstance(given, Sequence):
        raise TypeError
    return tuple(given)


_KINDS: dict[type | tuple[type, ...], tuple[str, Callable[[Any], Any]]] = {
    bool: ("true or false", _truth),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    str: ("a text", _text),
    (tuple, list, set, frozenset): ("a list", _several),
}


def _guess(wanted: str, known: Sequence[str]) -> str:
    folded = {said.casefold(): said for said in known}
    close = [folded[said] for said in difflib.get_close_matches(wanted.casefold(), folded, n=3, cutoff=0.5)]
    return f"Did you mean {' or '.join(close)}? " if close else ""
