"""``ftkit rules`` and ``ftkit explain``: what is checked, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.checking import CheckOptions
from ftkit.cli.frame import App, command, table

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.catalog import RuleLevel
    from ftkit.validation import Case, Rule

_LONGEST_EXAMPLE, _MOST_LINES = 400, 10

_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    help="Form of the answer: text, or json (as --json).",
)
_VALIDATORS = click.option(
    "--validator",
    "validators",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take in the rules of this Python file (repeatable).",
)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    return _FORMAT(_VALIDATORS(function))


@command(
    "rules",
    platform=True,
    examples=["ftkit rules", "ftkit rules FT5", "ftkit rules --platform openai --json"],
)
@click.argument("names", metavar="[RULE]...", nargs=-1)
@_options
def rules(app: App, names: tuple[str, ...], form: str | None, validators: tuple[Path, ...]) -> None:
    """List the rules that data is checked against: all, or those named by code, name or beginning (FT5).

    The severity is the one that holds here: of the platform, with what [validation] in ftkit.toml says.
    """
    app.json = app.json or form == "json"
    checks = CheckOptions(validators=validators)
    loaded = checks.rules(app.settings)
    chosen = loaded.family(names) if names else loaded.rules
    levels = _levels(app, loaded.rules, checks)
    result = {"rules": [_as_dict(rule, levels) for rule in chosen], "notes": list(loaded.notes)}
    for note in loaded.notes:
        app.display.warn(note)
    app.emit(result, lambda console: _print_rules(console, chosen, levels))


@command("explain", platform=True, examples=["ftkit explain FT214", "ftkit explain last-not-assistant"])
@click.argument("rule", metavar="RULE")
@_options
def explain(app: App, rule: str, form: str | None, validators: tuple[Path, ...]) -> None:
    """Tell what RULE (a code or a name) finds, why it matters, and show it on an example."""
    app.json = app.json or form == "json"
    checks = CheckOptions(validators=validators)
    loaded = checks.rules(app.settings)
    found = loaded.get(rule)
    levels = _levels(app, loaded.rules, checks)
    elsewhere: dict[str, RuleLevel] = {
        provider.name: provider.rules[found.code]
        for provider in app.settings.catalog.providers()
        if found.code in provider.rules
    }
    result = _as_dict(found, levels) | {"platforms": elsewhere}
    app.emit(result, lambda console: _print_rule(console, found, levels[found.code], elsewhere))


def _levels(app: App, rules: tuple[Rule, ...], checks: CheckOptions) -> dict[str, RuleLevel]:
    """How severe each rule is on the platform and with the settings of this call."""
    from ftkit.validation.choice import levels_of

    settings = app.settings
    provider = settings.catalog.provider(settings.platform_name)
    return levels_of(rules, provider.rules, settings.validation, checks.options())


def _as_dict(rule: Rule, levels: dict[str, RuleLevel]) -> dict[str, Any]:
    from ftkit.validation.fixing import mends_of

    return {
        "code": rule.code,
        "name": rule.name,
        "severity": levels[rule.code],
        "default": rule.severity,
        "scope": rule.scope,
        "kinds": sorted(rule.kinds),
        "params": {name: _plain(value) for name, value in rule.params.items()},
        "fixed_by": [mend.name for mend in mends_of(rule.code)],
        "why": rule.why,
        "bad": shown(rule.bad),
        "good": shown(rule.good),
    }


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else value


def shown(case: Case) -> str:
    """An example for a person: bytes that are no text as escapes, long ones cut."""
    from ftkit.validation.output import printable

    text = case.data.decode("utf-8", "backslashreplace")
    lines = [printable(line) for line in text.removesuffix("\n").split("\n")]
    cut = [x if len(x) <= _LONGEST_EXAMPLE else f"{x[:_LONGEST_EXAMPLE]} ..." for x in lines[:_MOST_LINES]]
    more = [f"... ({len(lines) - _MOST_LINES} more lines)"] if len(lines) > _MOST_LINES else []
    return "\n".join([*cut, *more])


def param_text(value: Any) -> str:
    """A parameter's value as ``--set`` takes it."""
    if isinstance(value, (tuple, list, set, frozenset)):
        return ",".join(str(item) for item in _plain(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _print_rules(console: Console, rules: tuple[Rule, ...], levels: dict[str, RuleLevel]) -> None:
    from rich.text import Text

    from ftkit.validation.output.terminal import STYLES
    from ftkit.validation.output.words import first_sentence

    rows = []
    for rule in rules:
        level = levels[rule.code]
        what = Text(first_sentence(rule.why))
        if rule.params:
            what.append(" " + ", ".join(f"{k}={param_text(v)}" for k, v in rule.params.items()), "cyan")
        rows.append((rule.code, rule.name, Text(level, STYLES.get(level, "dim")), what))
    table(console, ("code", "name", "severity", "what"), rows)
    console.print("`ftkit explain CODE` tells more of one.", markup=False)


def _print_rule(console: Console, rule: Rule, level: RuleLevel, platforms: Mapping[str, RuleLevel]) -> None:
    from rich.text import Text

    from ftkit.validation.output.terminal import STYLES

    console.print(Text(f"{rule.code} {rule.name}", "bold").append(f" ({level})", STYLES.get(level, "dim")))
    console.print(Text(f"\n{rule.why}"))
    for title, case, style in (("Not so:", rule.bad, "red"), ("So:", rule.good, "green")):
        console.print(Text(f"\n{title}", style))
        for line in shown(case).split("\n"):
            console.print(Text(f"  {line}"), soft_wrap=True)
    if rule.params:
        console.print(Text("\nParameters:", "bold"))
        for name, value in rule.params.items():
            console.print(Text(f"  {name} = {param_text(value)}"), soft_wrap=True)
        example = next(iter(rule.params))
        set_it = f"--set {rule.code}.{example}={param_text(rule.params[example])}"
        console.print(Text(f"  To change one: {set_it}"), soft_wrap=True)
    _print_mends(console, rule)
    console.print(Text(f"\nSeverity: {level} here, {rule.severity} by default"), soft_wrap=True)
    for name, other in platforms.items():
        console.print(Text(f"  on {name}: {other}"), soft_wrap=True)
    switch = f"--severity {rule.code}=warning" if level == "off" else f"--ignore {rule.code}"
    key = f'severity = {{ {rule.code} = "warning" }}' if level == "off" else f'ignore = ["{rule.code}"]'
    verb = "To switch it on" if level == "off" else "To switch it off"
    console.print(Text(f"{verb}: {switch}, or in ftkit.toml under [validation]: {key}"), soft_wrap=True)


def _print_mends(console: Console, rule: Rule) -> None:
    """What ``ftkit validate --fix`` does about it."""
    from rich.text import Text

    from ftkit.validation.fixing import mends_of

    if mends := mends_of(rule.code):
        console.print(Text("\n`ftkit validate DATA --fix` may mend it:", "bold"))
    for mend in mends:
        only = f" (with --fix-{mend.wanted})" if mend.wanted else ""
        console.print(Text(f"  {mend.what}{only}"), soft_wrap=True)
