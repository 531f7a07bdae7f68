"""Finds the rules: entry points of the group ``ftkit.validators``, and files that a person names."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError, Where
from ftkit.validation.choice import find_rule, levels_of, params_of, selected, with_levels
from ftkit.validation.rules import Context, Rule, Scope

if TYPE_CHECKING:
    from ftkit.catalog import RuleLevel
    from ftkit.settings import ValidationSettings
    from ftkit.validation.options import ValidateOptions

GROUP = "ftkit.validators"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order of their codes, and what is to be said about plug-ins that did not load.

    ``params`` are what was set for rules' parameters, by ``CODE.parameter``; ``files``
    are those that rules were loaded from beside the installed ones.
    """

    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def wanted(self, context: Context) -> RuleSet:
        """The rules that have anything to ask there."""
        rules = tuple(rule for rule in self.rules if rule.wanted is None or rule.wanted(context))
        return replace(self, rules=rules)

    def of(self, scope: Scope) -> tuple[Rule, ...]:
        """The rules of one scope."""
        return tuple(rule for rule in self.rules if rule.scope == scope)

    def get(self, name: str) -> Rule:
        """The rule with this code or name; UsageError with the nearest ones where there is none."""
        return find_rule(self.rules, name)

    def family(self, selectors: Iterable[str]) -> tuple[Rule, ...]:
        """The rules that codes, names or beginnings of codes name, in the order of their codes."""
        codes = {rule.code for selector in selectors for rule in selected(self.rules, selector)[0]}
        return tuple(rule for rule in self.rules if rule.code in codes)

    def without(self, names: Iterable[str]) -> RuleSet:
        """These rules, less the named ones."""
        out = {rule.code for name in names for rule in selected(self.rules, name)[0]}
        return RuleSet(tuple(r for r in self.rules if r.code not in out), self.notes, self.params, self.files)

    def configured(
        self, platform: Mapping[str, RuleLevel], settings: ValidationSettings, options: ValidateOptions
    ) -> RuleSet:
        """The rules that are asked, with the severities and parameters of platform, file and call.

        UsageError where a selector, severity or parameter names no rule, with the nearest ones.
        """
        levels = levels_of(self.rules, platform, settings, options)
        notes = [*self.notes]
        known = {rule.code for rule in self.rules}
        if strange := sorted(platform.keys() - known):
            notes.append(f"the platform sets the severity of rules that are not here: {', '.join(strange)}")
        for selector in options.select:
            mute = [r.code for r in selected(self.rules, selector)[0] if levels[r.code] == "off"]
            if len(mute) == 1 == len(selected(self.rules, selector)[0]):
                notes.append(f"{mute[0]} is selected, but is off; ask it with --severity {mute[0]}=warning")
        params = params_of(self.rules, settings, options)
        return RuleSet(with_levels(self.rules, levels), tuple(notes), params, self.files)


def load_rules(files: Iterable[Path] = ()) -> RuleSet:
    """Every rule that is installed, and those of ``files``, each of which defines ``RULES``.

    A plug-in that is broken is left out and named in ``notes``. A file that is broken, or whose codes are
    taken, is a UsageError with its line: a person has asked for it.
    """
    installed = installed_rules()
    rules = {rule.code: rule for rule in installed.rules}
    paths = tuple(dict.fromkeys(Path(file).expanduser().absolute() for file in files))
    for path in paths:
        for rule in _rules_of_file(path):
            if rule.code in rules:
                raise UsageError(
                    f"the code {rule.code} is taken by the rule {rules[rule.code].name!r}",
                    where=Where(path),
                    hint="Give your rule a code of its own, with other letters than FT.",
                )
            rules[rule.code] = rule
    return RuleSet(tuple(sorted(rules.values(), key=lambda r: r.code)), installed.notes, files=paths)


@cache
def installed_rules() -> RuleSet:
    """The rules of all entry points; ours come first, so that nobody can take their codes."""
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
    if trouble := _not_rules(loaded):
        return (), trouble
    return loaded, None


def _not_rules(loaded: Any) -> str | None:
    """What keeps an object from being a sequence of rules."""
    if not isinstance(loaded, Sequence) or isinstance(loaded, str):
        return f"it is not a sequence of rules but {type(loaded).__name__}"
    for index, item in enumerate(loaded):
        if not isinstance(item, Rule):
            what = getattr(item, "__name__", None) or type(item).__name__
            return f"item {index} ({what}) is no rule; is its @rule decorator missing?"
    return None


def _rules_of_file(path: Path) -> Sequence[Rule]:
    name = f"ftkit_validator_file_{path.stem}_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(
            "there is no such file of rules" if not path.is_file() else "rules are in a Python file (.py)",
            where=Where(path),
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what a module defines looks itself up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(
            f"this file of rules cannot be loaded: {type(error).__name__}: {_said(error)}",
            where=Where(path, _line_in(path, error)),
        ) from error
    if not hasattr(module, "RULES"):
        raise UsageError(
            "this file names no rules", where=Where(path), hint="Name them at its end: RULES = [my_rule]"
        )
    if trouble := _not_rules(module.RULES):
        raise UsageError(f"RULES: {trouble}", where=Where(path))
    rules: Sequence[Rule] = module.RULES
    return rules


def _said(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _line_in(path: Path, error: BaseException) -> int | None:
    """The last line of the file that the error went through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return lines[-1] if lines else None
