"""The options that say what is checked, and how strictly: one object for every command that takes them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftkit.settings import Settings
    from ftkit.validation import RuleSet, ValidateOptions

QUALITY = "FT5"
_LEVELS = ("error", "warning", "info", "off")

_OPTIONS = [
    click.option(
        "--select",
        "check_select",
        multiple=True,
        metavar="RULE",
        help="Ask only this rule: a code, a name, or the beginning of codes, such as FT2 (repeatable).",
    ),
    click.option(
        "--ignore",
        "check_ignore",
        multiple=True,
        metavar="RULE",
        help="Leave out a rule, named in the same way (repeatable); the longer name wins.",
    ),
    click.option(
        "--no-quality", "check_no_quality", is_flag=True, help="Leave out the quality rules (--ignore FT5)."
    ),
    click.option(
        "--severity",
        "check_severity",
        multiple=True,
        metavar="RULE=LEVEL",
        help="Make a rule an error, a warning, an info, or off (repeatable).",
    ),
    click.option(
        "--set",
        "check_params",
        multiple=True,
        metavar="RULE.NAME=VALUE",
        help="Set a rule's parameter, such as FT502.similarity=0.85 (repeatable).",
    ),
    click.option(
        "--validator",
        "check_validators",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Ask the rules of this Python file too; it names them in RULES (repeatable).",
    ),
]


@dataclass(frozen=True)
class CheckOptions:
    """What the options of :func:`check_options` were given."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    no_quality: bool = False
    severity: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    validators: tuple[Path, ...] = ()

    def options(self, **more: Any) -> ValidateOptions:
        """These as a validation takes them, with whatever else is asked of it."""
        from ftkit.validation import ValidateOptions

        return ValidateOptions(
            select=_split(self.select),
            ignore=(*_split(self.ignore), *((QUALITY,) if self.no_quality else ())),
            severity=_levels(self.severity),
            params=dict(_pair(text, "--set", "RULE.NAME=VALUE") for text in self.params),
            validators=self.validators,
            **more,
        )

    def rules(self, settings: Settings) -> RuleSet:
        """Every rule that is installed or in a file named here or in ftkit.toml."""
        from ftkit.validation import load_rules

        return load_rules([*settings.validation.validators, *self.validators])


def _split(names: Iterable[str]) -> tuple[str, ...]:
    """``FT1,FT2`` as two names."""
    return tuple(part.strip() for name in names for part in name.split(",") if part.strip())


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise click.BadParameter(f"{text!r} is not {form}", param_hint=option)
    return name.strip(), value.strip()


def _levels(pairs: Iterable[str]) -> dict[str, Any]:
    levels = {}
    for text in pairs:
        name, level = _pair(text, "--severity", "RULE=LEVEL")
        if level.casefold() not in _LEVELS:
            words = f"{level!r} is no severity; there are {', '.join(_LEVELS)}"
            raise click.BadParameter(words, param_hint="--severity")
        levels[name] = level.casefold()
    return levels


def check_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command's function, which gets them as ``checks``, a :class:`CheckOptions`."""

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        mine = {key[6:]: given.pop(key) for key in list(given) if key.startswith("check_")}
        return function(*args, checks=CheckOptions(**mine), **given)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call
