"""``ftkit rules`` and ``ftkit explain``: what is checked, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.validation import Case, Rule

_LONGEST_EXAMPLE = 400


@command("rules", examples=["ftkit rules", "ftkit rules --json"])
def rules(app: App) -> None:
    """List every rule that data is checked against, the plug-ins' too."""
    from ftkit.validation import load_rules

    loaded = load_rules()
    result = {"rules": [_as_dict(rule) for rule in loaded.rules], "notes": list(loaded.notes)}
    for note in loaded.notes:
        app.display.warn(note)
    app.emit(result, lambda console: _print_rules(console, loaded.rules))


@command("explain", examples=["ftkit explain FT214", "ftkit explain last-not-assistant"])
@click.argument("rule", metavar="RULE")
def explain(app: App, rule: str) -> None:
    """Tell what RULE (a code or a name) finds, why it matters, and show it on an example."""
    from ftkit.validation import load_rules

    found = load_rules().get(rule)
    app.emit(_as_dict(found), lambda console: _print_rule(console, found))


def _as_dict(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "why": rule.why,
        "bad": _shown(rule.bad),
        "good": _shown(rule.good),
    }


def _shown(case: Case) -> str:
    """An example for a person: bytes that are no text as escapes, long ones cut."""
    from ftkit.validation.output import printable

    text = case.data.decode("utf-8", "backslashreplace")
    lines = [printable(line) for line in text.removesuffix("\n").split("\n")]
    return "\n".join(x if len(x) <= _LONGEST_EXAMPLE else f"{x[:_LONGEST_EXAMPLE]} ..." for x in lines[:10])


def _print_rules(console: Console, rules: tuple[Rule, ...]) -> None:
    rows = [
        (rule.code, rule.name, rule.severity, f"{rule.why.split('. ')[0].rstrip('.')}.") for rule in rules
    ]
    table(console, ("code", "name", "severity", "what"), rows)
    console.print("`ftkit explain CODE` tells more of one.", markup=False)


def _print_rule(console: Console, rule: Rule) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=False)

    say(f"{rule.code} {rule.name} ({rule.severity})\n")
    say(rule.why)
    for title, case in (("Not so:", rule.bad), ("So:", rule.good)):
        say(f"\n{title}")
        for line in _shown(case).split("\n"):
            console.print(f"  {line}", markup=False, soft_wrap=True)
