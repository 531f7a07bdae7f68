"""Writes docs/rules.md from the rules themselves, or with --check says whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from generated_page import write_or_check

from ftkit.catalog import builtin_catalog
from ftkit.cli.rules import param_text, shown
from ftkit.validation import Rule
from ftkit.validation.plugins import installed_rules

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"
HEAD = """# Rules

Written by `make format` from the rules themselves; not edited by hand. `ftkit rules` lists them with the
severity that holds for a platform, `ftkit explain CODE` tells of one.
"""
FAMILIES = {
    "FT1": "The file",
    "FT20": "Conversations",
    "FT21": "Conversations",
    "FT22": "Conversations",
    "FT23": "Conversations",
    "FT24": "Tools",
    "FT25": "Tools",
    "FT26": "Tools",
    "FT27": "Tools",
    "FT28": "Kinds of rows",
    "FT29": "Kinds of rows",
    "FT3": "Limits",
    "FT4": "Labels",
    "FT5": "Quality",
    "FT6": "Preference (DPO)",
    "FT7": "Reinforcement (RFT)",
}


def family(rule: Rule) -> str:
    """The heading that a rule stands under."""
    return next((title for prefix, title in FAMILIES.items() if rule.code.startswith(prefix)), "Others")


def section(rule: Rule) -> Iterator[str]:
    """One rule: its why, its severities, its parameters, an example each way."""
    yield f"\n### {rule.code} {rule.name}\n\n{rule.why}\n"
    platforms = {p.name: p.rules[rule.code] for p in builtin_catalog().providers() if rule.code in p.rules}
    elsewhere = "".join(f"; {level} on {name}" for name, level in platforms.items())
    yield f"\nSeverity: {rule.severity}{elsewhere}.\n"
    if rule.params:
        params = ", ".join(f"`{rule.code}.{name}={param_text(value)}`" for name, value in rule.params.items())
        yield f"\nParameters with their defaults: {params}.\n"
    yield f"\nNot so:\n\n```text\n{shown(rule.bad)}\n```\n\nSo:\n\n```text\n{shown(rule.good)}\n```\n"


def page() -> str:
    """The whole page: a table of contents by family, then every rule. Only ftkit's own rules are in it."""
    rules = [rule for rule in installed_rules().rules if rule.code.startswith("FT")]
    parts = [HEAD]
    for title in dict.fromkeys(map(family, rules)):
        parts.append(f"\n## {title}\n")
        for rule in rules:
            if family(rule) == title:
                parts.extend(section(rule))
    return "".join(parts)


def main() -> int:
    """0 where the page is written or current, 1 where ``--check`` finds it stale."""
    return write_or_check(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())
