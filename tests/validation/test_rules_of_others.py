"""Plug-ins' rules in this process: every scope works, and what is broken is named and costs nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.errors import UsageError
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, load_rules, rule, validate
from ftkit.validation.output.words import summary_lines
from ftkit.validation.plugins import installed_rules

LOCAL = Settings(platform="local")
HEAD = """
from ftkit.validation import Case, Found, fault_rule, rule

E = '{"messages": []}'
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with rules on the path; its module is called by the distribution's name."""
    number = 0

    def put(code: str, *points: str) -> None:
        nonlocal number
        number += 1
        name = f"rules_of_{tmp_path.name}_{number}".replace("-", "_").replace("[", "_").replace("]", "_")
        site = tmp_path / f"site{number}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text(HEAD + code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [point.replace("MODULE", name) for point in points or ("mine = MODULE:RULES",)]
        (info / "entry_points.txt").write_text("\n".join(["[ftkit.validators]", *lines]) + "\n")
        monkeypatch.syspath_prepend(str(site))
        installed_rules.cache_clear()

    yield put
    monkeypatch.undo()
    installed_rules.cache_clear()


def check(tmp_path: Path, rows: int = 12, **options: object) -> ValidationReport:
    lines = (
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes"}]}
        for n in range(rows)
    )
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    chosen = ValidateOptions.model_validate(options)
    return validate(tmp_path / "data.jsonl", models=["linear"], settings=LOCAL, options=chosen)


SCOPES = '''
@rule("XX1", "a-row", bad=E, good=E, severity="warning")
def a_row(row):
    """On rows."""
    if row.line == 2:
        yield Found("row two", at=("messages", 0))

@rule("XX2", "a-message", bad=E, good=E, scope="message", severity="warning")
def a_message(message, row):
    """On messages."""
    if message["content"] == "3?":
        yield Found("asks three", "Ask another.", ("content",))

@rule("XX3", "a-count", bad=E, good=E, scope="tokens")
def a_count(row):
    """On tokens."""
    if row.tokens["linear"] != 3:
        yield Found(f"{row.tokens} tokens")

@rule("XX4", "a-file", bad=E, good=E, scope="file", severity="info")
def a_file(facts, context):
    """On the file."""
    yield Found(f"{facts.rows} {facts.accepted} {facts.lines} {context.provider.name}", line=facts.lines)

@rule("XX5", "a-dataset", bad=E, good=E, scope="dataset", severity="warning")
class Dataset:
    """On all rows."""
    def __init__(self, context):
        self.lines = []
    def row(self, row):
        self.lines.append(row.line)
        return ()
    def end(self, facts):
        return [Found(f"{len(self.lines)} of {facts.rows}", offset=0)]

late = fault_rule("XX6", "blank-line", "Of no use.", bad=E, good=E)

@rule("XX7", "raised", bad=E, good=E, severity="info")
def raised(row):
    """Says more than its own severity in one place."""
    if row.line == 5:
        yield Found("look", severity="error")
    elif row.line == 6:
        yield Found("glance")

RULES = [a_row, a_message, a_count, a_file, Dataset, raised]
'''


def test_a_rule_of_every_scope_is_heard_with_its_place(install: Install, tmp_path: Path) -> None:
    install(SCOPES)
    report = check(tmp_path)
    said = [(f.code, f.severity, f.line, f.pointer, f.message) for f in report.findings]
    assert said == [
        ("XX5", "warning", None, None, "11 of 12"),
        ("XX1", "warning", 2, "/messages/0", "row two"),
        ("XX2", "warning", 4, "/messages/0/content", "asks three"),
        ("XX7", "error", 5, None, "look"),
        ("XX7", "info", 6, None, "glance"),
        ("XX4", "info", 12, None, "12 11 12 local"),
    ]
    assert report.notes == []
    assert (report.errors, report.warnings, report.infos) == (1, 3, 2)
    assert (report.accepted, report.rejected, report.ok) == (11, 1, False)
    assert report.counts == {"XX1": 1, "XX2": 1, "XX4": 1, "XX5": 1, "XX7": 2}
    assert "1 error, 3 warnings, 2 infos" in summary_lines(report)[0]


def test_a_plug_ins_rule_is_left_out_by_its_name_in_any_case(install: Install, tmp_path: Path) -> None:
    install(SCOPES.replace('"raised"', '"Raised"'))
    assert check(tmp_path, ignore=("raised", "xx4", "XX3")).ok
    assert load_rules().get("RAISED").code == "XX7"


BROKEN = '''
@rule("XX1", "half-way", bad=E, good=E, severity="warning")
def half_way(row):
    """Breaks after its first word."""
    yield Found("said")
    raise ValueError("then broke")

@rule("XX2", "no-answer", bad=E, good=E)
def no_answer(row):
    """Forgets to answer with something that can be gone through."""
    return None

@rule("XX3", "no-finding", bad=E, good=E)
def no_finding(row):
    """Answers with what is no finding."""
    return ["text"]

@rule("XX4", "bad-end", bad=E, good=E, scope="dataset")
class BadEnd:
    """Breaks at its end."""
    def __init__(self, context): ...
    def row(self, row): return ()
    def end(self, facts): raise ZeroDivisionError("at the end")

@rule("XX5", "bad-file", bad=E, good=E, scope="file")
def bad_file(facts, context):
    """Breaks on the file."""
    return facts.nothing

@rule("XX6", "bad-row", bad=E, good=E, scope="dataset")
class BadRow:
    """Breaks at each row."""
    def __init__(self, context): ...
    def row(self, row): raise KeyError(row.line)
    def end(self, facts): return ()

RULES = (half_way, no_answer, no_finding, BadEnd, bad_file, BadRow)
'''


def test_a_rule_that_breaks_is_named_once_and_rejects_no_row(install: Install, tmp_path: Path) -> None:
    install(BROKEN)
    report = check(tmp_path)
    assert report.ok and report.accepted == 12 and report.counts == {"XX1": 12}
    notes = {note.split()[1]: note for note in report.notes}
    assert set(notes) == {"XX1", "XX2", "XX3", "XX4", "XX5", "XX6"}
    assert "failed on 12 calls" in notes["XX1"]
    assert notes["XX1"].endswith("ValueError: then broke (first on line 1)")
    assert "TypeError" in notes["XX2"] and "AttributeError" in notes["XX3"]
    assert notes["XX4"].endswith("ZeroDivisionError: at the end")
    assert "failed on 1 call " in notes["XX4"]
    assert "KeyError: 1 (first on line 1)" in notes["XX6"]


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("RULES = 5", "it is not a sequence of rules but int"),
        ("RULES = 'FT101'", "it is not a sequence of rules but str"),
        ("RULES = {}", "it is not a sequence of rules but dict"),
        ("def mine(row): ...\nRULES = [mine]", "item 0 (mine) is no rule; is its @rule decorator missing?"),
        ("RULES = (None,)", "item 0 (NoneType) is no rule"),
        ("RULES = (", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("OTHER = []", "has no attribute 'RULES'"),
        (
            '@rule("XX1", "mute", bad=E, good=E)\ndef mute(row): ...\nRULES = [mute]',
            "TypeError: rule XX1 says no why: give its check a docstring",
        ),
    ],
)
def test_a_broken_plug_in_is_named_with_what_to_mend(
    install: Install, tmp_path: Path, code: str, trouble: str
) -> None:
    before = load_rules().rules
    install(code)
    notes = load_rules().notes
    assert load_rules().rules == before
    assert len(notes) == 1 and notes[0].startswith("validator plug-in 'mine' (rules_of_")
    assert trouble in notes[0]
    assert notes[0] in check(tmp_path).notes


def test_an_empty_plug_in_is_in_order(install: Install) -> None:
    install("RULES = []")
    assert load_rules().notes == ()


def test_two_plug_ins_under_one_code_are_told_apart(install: Install) -> None:
    code = '@rule("XX1", "NAME", bad=E, good=E)\ndef mine(row):\n    """Why not."""\nRULES = [mine]'
    install(code.replace("NAME", "first"), "a = MODULE:RULES")
    install(code.replace("NAME", "second"), "b = MODULE:RULES")
    assert load_rules().get("XX1").name == "first"
    assert load_rules().notes == ("rule XX1 of plug-in 'b' is left out: its code is taken",)


def test_our_own_codes_cannot_be_taken(install: Install) -> None:
    code = '@rule("FT106", "mine", bad=E, good=E)\ndef mine(row):\n    """Why not."""\nRULES = [mine]'
    install(code, "a_first = MODULE:RULES")
    assert load_rules().get("FT106").name == "not-json"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("FT1O6", "FT1"),
        ("ft99", None),
        ("NOT-JSN", "not-json"),
        ("last_not_assistant", "last-not-assistant"),
        ("zzzzzz", None),
    ],
)
def test_a_misspelt_rule_is_guessed_in_any_case(name: str, near: str | None) -> None:
    with pytest.raises(UsageError, match=f"no rule is called '{name}'") as caught:
        load_rules().get(name)
    hint = str(caught.value.hint)
    assert "`ftkit rules` lists all of them." in hint
    assert near is None or near in hint


def test_a_rule_without_a_why_is_refused() -> None:
    def mute(row: object) -> None: ...

    with pytest.raises(TypeError, match="XX1 says no why"):
        rule("XX1", "mute", bad="", good="")(mute)
