"""What programs read: JSON lines, GitHub's workflow commands, SARIF that keeps to its standard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_reports import EMPTY, finding, marked, report_of

from ftkit.settings import Settings
from ftkit.validation import Case, Rule, ValidateOptions, ValidationReport, load_rules, validate
from ftkit.validation.locate import excerpt_of
from ftkit.validation.output import github_lines, jsonl_lines, sarif_log
from ftkit.validation.output.sarif import MOST_RESULTS

LOCAL = Settings(platform="local")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bad_file(name: str = "sub dir/a%b:c,d.jsonl") -> tuple[Path, ValidationReport]:
    """A real report on a file with a difficult name, of every severity that there is in it."""
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    long = "é😀" * 100
    rows = f'"messages": [{{"role": "user", "content": "{long}"}}, {{"role": "bot", "content": "b"}}]'
    lines = [
        '{"messages": [{"role": "usr", "content": "日本語"}, {"role": "assistant", "content": "b"}]}',
        f'{{"mesages": 1, {rows}}}',
        '{"messages": []',
        "",
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path, validate(path, settings=LOCAL)


def test_json_lines_are_the_report_again() -> None:
    _, report = bad_file()
    *findings, last = map(json.loads, jsonl_lines(report))
    assert {line.pop("type") for line in findings} == {"finding"} and last.pop("type") == "summary"
    assert "findings" not in last
    assert ValidationReport.model_validate({**last, "findings": findings}) == report


@given(st.text())
def test_every_line_is_one_json_object_whatever_is_said(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    lines = list(jsonl_lines(report_of(finding(message=text, hint=text))))
    assert len(lines) == 2 and json.loads(lines[0])["message"] == text
    assert "\n" not in lines[0] and "\r" not in lines[0]


COMMAND = re.compile(r"::(error|warning|notice) ([^\r\n]*?)::([^\r\n]*)")


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner reads it: escapes undone, properties by name."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {name: unquote(value) for name, value in pairs}, unquote(match[3])


@given(st.text("a%:,=\r\n é", max_size=30), st.text("%0A25:,\r\nß", max_size=30))
def test_commands_of_github_come_back_as_they_were_said(name: str, message: str) -> None:
    one = finding(rule=name, message=message, hint=None, line=3, column=4, file="nowhere.jsonl")
    command, *_ = github_lines(report_of(one))
    kind, properties, text = parsed(command)
    assert (kind, properties, text) == ("error", {"title": f"FT101 {name}"}, f"line 3: {message}")


def test_commands_of_github_point_into_the_file() -> None:
    path, report = bad_file()
    *commands, total = github_lines(report)
    places = [parsed(c) for c in commands]
    assert {p["file"] for _, p, _ in places} == {str(path)}
    first = next(f for f in report.findings if f.code == "FT206")
    kind, properties, text = next(p for p in places if p[1]["title"].startswith("FT206"))
    assert (kind, properties["line"], properties["col"]) == ("error", str(first.line), str(first.column))
    assert text == f"{first.message}\n{first.hint}"
    assert {kind for kind, _, _ in places} == {"error", "warning"}
    assert total.startswith("::notice title=ftkit validate::3 rows read from ")


def test_github_gets_no_more_than_it_shows_each_rule_in_turn_and_honest_totals() -> None:
    many = [finding(code="FT101", line=n) for n in range(1, 31)]
    few = [finding(code="FT301", line=n) for n in range(1, 4)]
    infos = [finding(code=f"FT9{n:02}", severity="info") for n in range(12)]
    report = report_of(*many, *few, *infos, finding(code="FT500", severity="warning"))
    report = report.model_copy(update={"counts": {**report.counts, "FT101": 1234}})
    *commands, total = (parsed(line) for line in github_lines(report))
    shown = [(kind, properties["title"].split()[0], text) for kind, properties, text in commands]
    errors = [code for kind, code, _ in shown if kind == "error"]
    assert errors == ["FT101"] * 7 + ["FT301"] * 3
    assert sum(kind == "notice" for kind, _, _ in shown) == 9, "with the totals there are ten"
    last = [text for _, code, text in shown if code == "FT101"][-1]
    assert last.endswith("\n(1,227 more FT101)")
    assert sum("more FT" in text for _, _, text in shown) == 1
    assert total[0] == "notice" and "33 errors, 1 warning, 12 infos" in total[2]
    assert "FT101 1,234, FT301 3" in total[2]


def test_a_good_file_gets_the_totals_only() -> None:
    (line,) = github_lines(EMPTY)
    assert parsed(line)[2].endswith("0 errors, 0 warnings; fit for local")


TEXT: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
COUNT = {"type": "integer", "minimum": 1}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {"startLine": COUNT, "startColumn": COUNT, "endColumn": COUNT, "snippet": TEXT},
    "additionalProperties": False,
}
ARTIFACT = {"type": "object", "properties": {"uri": {"type": "string", "format": "uri-reference"}}}
RULE = {
    "type": "object",
    "required": ["id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration"],
    "properties": {
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "defaultConfiguration": {"properties": {"level": LEVEL, "enabled": {"type": "boolean"}}},
    },
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "level", "message", "locations"],
    "properties": {
        "level": LEVEL,
        "message": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "locations": {
            "type": "array",
            "items": {
                "properties": {
                    "physicalLocation": {
                        "required": ["artifactLocation"],
                        "properties": {
                            "artifactLocation": ARTIFACT,
                            "region": REGION,
                            "contextRegion": REGION,
                        },
                    }
                }
            },
        },
    },
}
RUN = {
    "type": "object",
    "required": ["tool", "results", "invocations"],
    "properties": {
        "tool": {
            "required": ["driver"],
            "properties": {
                "driver": {
                    "required": ["name", "rules"],
                    "properties": {"rules": {"type": "array", "items": RULE, "uniqueItems": True}},
                }
            },
        },
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}, "minItems": 1},
        "results": {"type": "array", "items": RESULT},
    },
}
ESSENTIALS = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["version", "runs"],
    "properties": {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": RUN, "minItems": 1}},
}
"""What SARIF 2.1.0 requires of the parts that ftkit writes, in our own words."""


def run_of(report: ValidationReport, rules: tuple[Rule, ...] | None = None) -> dict[str, Any]:
    """The log's one run, after the log went through JSON and kept to the standard."""
    log = json.loads(json.dumps(sarif_log(report, load_rules().rules if rules is None else rules)))
    jsonschema_rs.Draft7Validator(ESSENTIALS, validate_formats=True).validate(log)
    (run,) = log["runs"]
    return dict(run)


def test_sarif_of_a_real_report_keeps_to_the_standard_and_points_at_what_is_meant() -> None:
    path, report = bad_file()
    run = run_of(report)
    assert len(run["results"]) == len(report.findings) == sum(report.counts.values())
    lines = path.read_text("utf-8").split("\n")
    placed = 0
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        physical = result["locations"][0]["physicalLocation"]
        uri = physical["artifactLocation"]["uri"]
        assert unquote(uri) == path.as_posix() and " " not in uri and uri.startswith("sub%20dir/")
        region, context = physical.get("region"), physical.get("contextRegion")
        if region is None or "snippet" not in region:
            continue
        line = lines[region["startLine"] - 1]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == region["snippet"]["text"]
        assert line[context["startColumn"] - 1 : context["endColumn"] - 1] == context["snippet"]["text"]
        assert region["snippet"]["text"] in context["snippet"]["text"]
        placed += 1
    assert placed >= 3
    assert run["invocations"][0]["exitCode"] == 1
    assert run["artifacts"][0]["length"] == path.stat().st_size
    assert run["properties"]["rows"] == 3 and "findings" not in run["properties"]


@given(st.text("ab\tß😀…", max_size=250), st.data())
def test_a_region_is_the_piece_of_the_line_that_is_meant(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    Path("a.jsonl").write_text(text, "utf-8")
    one = finding(line=1, column=start + 1, excerpt=excerpt_of(text, start, end))
    physical = run_of(report_of(one), ())["results"][0]["locations"][0]["physicalLocation"]
    assert physical["region"]["startColumn"] == start + 1
    for region in (physical["region"], physical.get("contextRegion")):
        if region and "snippet" in region:
            piece = text[region["startColumn"] - 1 : region["endColumn"] - 1]
            assert region["snippet"]["text"] == piece.replace("\t", "�")


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("info", "note")]
)
def test_severities_are_sarifs_levels(severity: str, level: str) -> None:
    assert run_of(report_of(finding(severity=severity)), ())["results"][0]["level"] == level


def test_rules_bring_their_help_and_their_level() -> None:
    rules = load_rules().configured(
        {"FT105": "off"}, LOCAL.validation, ValidateOptions(severity={"FT206": "info"})
    )
    listed = {rule["id"]: rule for rule in run_of(EMPTY, rules.rules)["tool"]["driver"]["rules"]}
    assert "FT105" not in listed and set(listed) == {rule.code for rule in rules.rules}
    assert listed["FT206"]["defaultConfiguration"] == {"level": "note", "enabled": True}
    assert listed["FT206"]["fullDescription"]["text"] == rules.get("FT206").why
    assert "ftkit explain FT206" in listed["FT206"]["help"]["markdown"]


def test_sarif_of_a_source_that_is_no_file_names_it_without_pointing_anywhere() -> None:
    report = validate([{"messages": []}], settings=LOCAL)
    run = run_of(report)
    assert run["artifacts"] == []
    for result in run["results"]:
        assert "physicalLocation" not in result["locations"][0]
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]


def test_a_file_elsewhere_is_named_by_its_whole_address(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    path = tmp_path_factory.mktemp("else where") / "a.jsonl"
    path.write_text("{}\n")
    one = run_of(report_of(finding(file=str(path), line=1, excerpt=marked("", "{}"), column=1)))
    uri = one["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == path.resolve().as_uri()
    below = tmp_path / "below.jsonl"
    below.write_text("{}\n")
    assert run_of(report_of(finding(file=str(below))))["results"][0]["locations"][0]["physicalLocation"][
        "artifactLocation"
    ] == {"uri": "below.jsonl"}


def test_a_packed_file_is_not_given_the_size_of_its_text() -> None:
    Path("a.jsonl.gz").write_bytes(b"")
    run = run_of(EMPTY.model_copy(update={"source": "a.jsonl.gz", "bytes": 99}), ())
    assert run["artifacts"] == [{"location": {"uri": "a.jsonl.gz"}}]


def test_notes_are_notifications() -> None:
    run = run_of(EMPTY.model_copy(update={"notes": ["a note"]}), ())
    assert run["invocations"] == [
        {
            "executionSuccessful": True,
            "exitCode": 0,
            "toolExecutionNotifications": [{"level": "note", "message": {"text": "a note"}}],
        }
    ]


def test_a_run_has_no_more_results_than_github_takes_and_errors_stay() -> None:
    mild = finding(severity="info")
    report = report_of(*[mild] * MOST_RESULTS, finding(code="FT999"))
    results = sarif_log(report, ())["runs"][0]["results"]
    assert len(results) == MOST_RESULTS and results[0]["ruleId"] == "FT999"


def test_examples_that_are_no_text_are_shown_by_escapes() -> None:
    rule = next(r for r in load_rules().rules if r.code == "FT101")
    assert isinstance(rule.bad, Case)
    help_text = run_of(EMPTY, (rule,))["tool"]["driver"]["rules"][0]["help"]["text"]
    assert "\\xe9" in help_text
