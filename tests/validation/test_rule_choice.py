"""Which rules are asked and how: platform, ftkit.toml and call in their strength; parameters by type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.errors import UsageError
from ftkit.settings import Settings, ValidationSettings, load_settings
from ftkit.validation import Found, Rule, RuleSet, ValidateOptions, rule, validate
from ftkit.validation.choice import levels_of, params_of

PARAMS = {
    "similarity": 0.9,
    "most": 5,
    "strict": False,
    "word": "x",
    "kinds": ("a", "b"),
    "free": None,
}


def made(code: str, name: str, severity: Any = "error", **params: Any) -> Rule:
    @rule(code, name, bad="", good="", severity=severity, params=params)
    def check(row: object) -> list[Found]:
        """For a reason."""
        return []

    return check


RULES = (
    made("FT101", "not-utf8"),
    made("FT501", "exact-duplicate", "warning"),
    made("FT502", "near-duplicate", "warning", **PARAMS),
    made("FT590", "chatty", "off"),
    made("XX1", "mine", "info"),
)
ON = {"FT101": "error", "FT501": "warning", "FT502": "warning", "FT590": "off", "XX1": "info"}


def levels(platform: dict[str, Any] | None = None, file: Any = None, **options: Any) -> dict[str, Any]:
    return dict(
        levels_of(RULES, platform or {}, ValidationSettings(**(file or {})), ValidateOptions(**options))
    )


def changed(*args: Any, **options: Any) -> dict[str, Any]:
    return {code: level for code, level in levels(*args, **options).items() if level != ON[code]}


def test_each_place_is_stronger_than_the_one_before() -> None:
    platform, file = {"FT101": "warning", "FT501": "warning"}, {"severity": {"FT101": "info"}}
    assert levels() == ON
    assert changed({"FT101": "warning"}) == {"FT101": "warning"}
    assert changed(platform, file) == {"FT101": "info"}
    assert changed(platform, file, severity={"not-utf8": "off"}) == {"FT101": "off"}
    assert changed({}, {"severity": {"FT101": "info"}}, severity={"FT": "warning"}) == {
        "FT101": "warning",
        "FT590": "warning",
    }


@pytest.mark.parametrize(
    ("table", "result"),
    [
        ({"FT5": "error"}, {"FT501": "error", "FT502": "error", "FT590": "error"}),
        ({"FT5": "error", "FT501": "info"}, {"FT501": "info", "FT502": "error", "FT590": "error"}),
        ({"FT501": "info", "FT5": "error"}, {"FT501": "info", "FT502": "error", "FT590": "error"}),
        ({"ft50": "off"}, {"FT501": "off", "FT502": "off"}),
        ({"Near-Duplicate": "error"}, {"FT502": "error"}),
        ({"xx": "error"}, {"XX1": "error"}),
    ],
)
def test_the_longer_selector_decides_whatever_the_order(
    table: dict[str, Any], result: dict[str, str]
) -> None:
    assert changed(severity=table) == result


def asked(file: Any = None, **options: Any) -> set[str]:
    return {code for code, level in levels({"FT590": "info"}, file, **options).items() if level != "off"}


@pytest.mark.parametrize(
    ("file", "options", "codes"),
    [
        ({}, {"select": ("FT5",)}, {"FT501", "FT502", "FT590"}),
        ({}, {"ignore": ("FT5",)}, {"FT101", "XX1"}),
        ({}, {"select": ("FT5",), "ignore": ("FT501",)}, {"FT502", "FT590"}),
        ({}, {"select": ("FT501",), "ignore": ("FT5",)}, {"FT501"}),
        ({}, {"select": ("FT501",), "ignore": ("FT501",)}, set()),
        ({"ignore": ("FT501",)}, {"select": ("FT5",)}, {"FT502", "FT590"}),
        ({"ignore": ("FT501",)}, {"select": ("FT501",)}, {"FT501"}),
        ({"select": ("FT1",)}, {"select": ("mine",)}, {"XX1"}),
        ({"select": ("FT1", "XX")}, {"ignore": ("mine",)}, {"FT101"}),
        ({"select": ("FT5",), "ignore": ("FT50",)}, {}, {"FT590"}),
    ],
)
def test_select_and_ignore(file: dict[str, Any], options: dict[str, Any], codes: set[str]) -> None:
    assert asked(file, **options) == codes


NAMES = st.sampled_from(["FT", "FT1", "FT5", "FT50", "FT501", "near-duplicate", "XX1", "mine"])


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_the_order_of_selectors_does_not_matter_and_a_whole_code_ignored_is_out(
    select: list[str], ignore: list[str]
) -> None:
    out = asked(select=tuple(select), ignore=tuple(ignore))
    assert out == asked(select=tuple(reversed(select)), ignore=tuple(reversed(ignore)))
    for name, code in (("FT501", "FT501"), ("near-duplicate", "FT502"), ("mine", "XX1")):
        assert not (name in ignore and code in out)
    if not select and not ignore:
        assert out == set(ON)


@pytest.mark.parametrize(
    ("file", "options", "words", "near", "place"),
    [
        ({}, {"select": ("FT51O",)}, "no rule is called 'FT51O'", "FT501", "in the call"),
        ({}, {"ignore": ("near-duplicat",)}, "'near-duplicat'", "near-duplicate", "in the call"),
        ({"ignore": ("FT6",)}, {}, "'FT6'", "`ftkit rules`", "[validation] of ftkit.toml"),
        ({"severity": {"chaty": "off"}}, {}, "'chaty'", "chatty", "[validation]"),
        ({}, {"severity": {"": "off"}}, "no rule is called ''", "", "in the call"),
        ({}, {"params": {"FT502.similarty": "1"}}, "no parameter 'similarty'", "similarity", "in the call"),
        ({}, {"params": {"FT101.most": "1"}}, "FT101 (not-utf8) has no parameter", "none", "in the call"),
        ({}, {"params": {"similarity": "1"}}, "names no parameter", "CODE.parameter", "in the call"),
        ({"params": {"FT5O2": {"most": 1}}}, {}, "'FT5O2'", "FT502", "[validation]"),
    ],
)
def test_what_names_nothing_is_said_with_what_is_near(
    file: Any, options: Any, words: str, near: str, place: str
) -> None:
    with pytest.raises(UsageError) as caught:
        RuleSet(RULES).configured({}, ValidationSettings(**file), ValidateOptions(**options))
    assert words in caught.value.message and near in str(caught.value.hint)
    assert place in str(caught.value.where)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("similarity", "0.85", 0.85),
        ("similarity", 1, 1.0),
        ("most", "7", 7),
        ("most", 7.0, 7),
        ("strict", "True", True),
        ("strict", False, False),
        ("word", "0.5", "0.5"),
        ("kinds", "c, d,", ("c", "d")),
        ("kinds", ["c"], ("c",)),
        ("free", {"any": 1}, {"any": 1}),
    ],
)
def test_a_parameter_takes_its_defaults_type(name: str, given: Any, value: Any) -> None:
    params = params_of(RULES, ValidationSettings(), ValidateOptions(params={f"near-duplicate.{name}": given}))
    assert params == {f"FT502.{name}": value} and type(params[f"FT502.{name}"]) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("similarity", "much", "a number"),
        ("similarity", "nan", "a number"),
        ("similarity", True, "a number"),
        ("most", "1.5", "a whole number"),
        ("most", True, "a whole number"),
        ("strict", "1", "true or false"),
        ("word", 5, "a text"),
        ("kinds", 5, "a list"),
    ],
)
def test_a_parameter_of_another_type_is_refused(name: str, given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=f"FT502.{name} is {words}, not ") as caught:
        params_of(RULES, ValidationSettings(), ValidateOptions(params={f"FT502.{name}": given}))
    assert repr(PARAMS[name]) in str(caught.value.hint)


def test_the_call_sets_what_the_file_has_set() -> None:
    file = ValidationSettings(params={"FT502": {"similarity": 0.5, "most": 3}, "FT502.word": "y"})
    options = ValidateOptions(params={"near-duplicate.similarity": "0.7"})
    assert params_of(RULES, file, options) == {"FT502.similarity": 0.7, "FT502.most": 3, "FT502.word": "y"}


def test_only_what_is_asked_is_in_the_set_and_what_cannot_be_is_noted() -> None:
    chosen = RuleSet(RULES).configured(
        {"FT999": "off"}, ValidationSettings(), ValidateOptions(select=("FT590", "FT501"))
    )
    assert [r.code for r in chosen.rules] == ["FT501"]
    assert chosen.notes == (
        "the platform sets the severity of rules that are not here: FT999",
        "FT590 is selected, but is off; ask it with --severity FT590=warning",
    )


@pytest.mark.parametrize(
    ("set_to", "found", "result"),
    [
        (None, None, "warning"),
        (None, "error", "error"),
        (None, "info", "info"),
        ("error", None, "error"),
        ("error", "info", "info"),
        ("info", "error", "info"),
        ("warning", "error", "error"),
    ],
)
def test_a_severity_that_was_set_caps_what_a_rule_says_of_a_place(
    set_to: Any, found: Any, result: str
) -> None:
    options = ValidateOptions(severity={"FT501": set_to} if set_to else {})
    (chosen,) = RuleSet(RULES[1:2]).configured({}, ValidationSettings(), options).rules
    assert chosen.severity_of(Found("x", severity=found)) == result


ROWS = '{"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}], "more": 1}\n'


def test_a_validation_obeys_platform_file_and_call(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(ROWS * 12)
    (tmp_path / "ftkit.toml").write_text(
        '[providers.mild]\nbase_url = "http://x"\nrules = { FT211 = "warning", FT222 = "error" }\n'
        '[validation]\nignore = ["FT5"]\n[validation.severity]\nFT222 = "info"\n'
    )

    def run(**options: Any) -> tuple[bool, int, int, int]:
        settings = load_settings(tmp_path / "ftkit.toml", platform="mild")
        report = validate(tmp_path / "data.jsonl", settings=settings, options=ValidateOptions(**options))
        return report.ok, report.errors, report.warnings, report.infos

    assert run() == (True, 0, 12, 12)
    assert run(severity={"FT211": "error"}) == (False, 12, 0, 12)
    assert run(select=("FT211",)) == (True, 0, 12, 0)
    assert run(ignore=("FT2",)) == (True, 0, 0, 0)


def test_settings_of_the_file_are_checked_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text(
        '[validation]\nselct = ["FT1"]\nvalidators = ["rules/mine.py"]\n[validation.severity]\nFT215 = "no"\n'
    )
    with pytest.raises(Exception, match="faults") as caught:
        load_settings(tmp_path / "ftkit.toml")
    said = [(str(fault.where).rsplit("ftkit.toml", 1)[1], fault.message) for fault in caught.value.faults]  # type: ignore[attr-defined]
    assert said[0] == (":2", "unknown key 'validation.selct'")
    assert said[1][0] == ":5" and "validation.severity.FT215" in said[1][1]


def test_files_of_rules_are_found_from_the_files_own_folder(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text('[validation]\nvalidators = ["rules/mine.py", "~/other.py"]\n')
    validators = load_settings(tmp_path / "ftkit.toml").validation.validators
    assert validators == (tmp_path / "rules" / "mine.py", Path("~/other.py").expanduser())
    assert Settings().validation == ValidationSettings()
