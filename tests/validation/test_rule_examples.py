"""Every rule's bad example must trigger it, and its good one must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.settings import Settings
from ftkit.validation import Case, Rule, ValidateOptions, ValidationReport, load_rules, validate

RULES = load_rules().rules


def check(case: Case, folder: Path) -> ValidationReport:
    file = folder / case.file
    file.write_bytes(case.data)
    return validate(
        file,
        models=case.models,
        platform=case.platform,
        settings=Settings(**case.settings),
        options=ValidateOptions(**case.options),
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_bad_example_is_found_and_the_good_one_is_not(rule: Rule, tmp_path: Path) -> None:
    bad = check(rule.bad, tmp_path)
    assert bad.counts.get(rule.code, 0) >= 1, bad.counts
    finding = next(f for f in bad.findings if f.code == rule.code)
    assert finding.rule == rule.name
    assert finding.severity == rule.severity or rule.severity == "off"
    assert rule.code not in check(rule.good, tmp_path).counts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_show_one_fault_at_a_time(rule: Rule, tmp_path: Path) -> None:
    """A good example is good: nothing but the size of the data may be said of it."""
    assert set(check(rule.good, tmp_path).counts) <= {"FT112", "FT501"}
    others = set(check(rule.bad, tmp_path).counts) - {rule.code, "FT112", "FT501"}
    assert len(others) <= 1, others


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_says_why(rule: Rule) -> None:
    assert rule.code[:2] == "FT" and rule.code[2:].isdigit() and len(rule.code) == 5
    assert rule.name == rule.name.lower() and " " not in rule.name
    assert len(rule.why.split()) >= 12 and rule.why.endswith((".", ".)"))


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)
    assert load_rules().notes == ()
