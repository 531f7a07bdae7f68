"""``ftkit validate --fix``, ``--rejected`` and ``--accepted``: files, forms, exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]

GOOD = '{"messages":[{"role":"user","content":"é?"},{"role":"assistant","content":"yes"}]}'
BAD = '{"messages":[{"role":"user","content":"?"}]}'
NO_MINIMUM = '[providers.own.limits]\n[validation]\nignore = ["FT112", "FT5"]\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "ftkit.toml").write_text(NO_MINIMUM)
    path = tmp_path / "data.jsonl"
    path.write_text(f"{GOOD},\n{BAD}\n{GOOD}\n", "utf-8")
    return path


def test_fix_writes_three_files_beside_the_data(data: Path, ftkit: Command) -> None:
    done = ftkit("validate", "data.jsonl", "--fix", cwd=data.parent)
    assert done.returncode == 1 and "2 of 3 rows accepted (1 changed), 1 rejected" in done.stdout
    assert (data.parent / "data.fixed.jsonl").read_text("utf-8") == f"{GOOD}\n{GOOD}\n"
    left = json.loads((data.parent / "data.rejected.jsonl").read_text("utf-8"))
    assert left["line"] == 2 and left["raw"] == BAD and left["reasons"][0]["code"] == "FT213"
    changes = [
        json.loads(line) for line in (data.parent / "data.fixes.jsonl").read_text("utf-8").splitlines()
    ]
    assert changes[0]["change"] == "trailing-comma-removed" and "summary" in changes[-1]


def test_fix_with_all_accepted_answers_0_and_json(data: Path, here: Command) -> None:
    data.write_text(f"{GOOD}\r\n{GOOD},", "utf-8")
    done = here("validate", "data.jsonl", "--fix", "new/clean.jsonl", "--rejected", "left.jsonl", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"] and report["changes"]["crlf-to-lf"] == 1
    assert Path(report["fixed"]["path"]).read_text("utf-8") == f"{GOOD}\n{GOOD}\n"
    assert report["validation"]["counts"] == {} and Path("left.jsonl").read_text() == ""
    assert here("validate", "new/clean.jsonl").returncode == 0


def test_aliases_are_offered_and_duplicates_dropped(data: Path, here: Command) -> None:
    data.write_text(f"{GOOD.replace('user', 'human')}\n{GOOD}\n", "utf-8")
    offered = here("validate", "data.jsonl", "--fix")
    assert offered.returncode == 1 and "--fix-aliases may mend FT206" in offered.stdout
    done = here("validate", "data.jsonl", "--fix", "--fix-aliases", "--drop-duplicates")
    assert "1 of 2 rows accepted (1 changed), 1 rejected (1 as duplicates)" in done.stdout


def test_rejected_and_accepted_without_fix(data: Path, here: Command) -> None:
    done = here("validate", "data.jsonl", "--accepted", "a.jsonl", "--rejected", "r.jsonl")
    assert done.returncode == 1 and "`--fix` may mend FT122." in done.stdout
    assert Path("a.jsonl").read_text("utf-8") == f"{GOOD}\n"
    lines = [json.loads(line)["line"] for line in Path("r.jsonl").read_text("utf-8").splitlines()]
    assert lines == [1, 2] and not Path("data.fixed.jsonl").exists()


@pytest.mark.parametrize("form", ["jsonl", "sarif", "github"])
def test_other_forms_tell_what_is_left(form: str, data: Path, here: Command) -> None:
    done = here("validate", "data.jsonl", "--fix", "--format", form)
    assert "FT213" in done.stdout and "FT122" not in done.stdout.split("rules")[0]
    if form == "sarif":
        assert json.loads(done.stdout)["runs"][0]["results"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fix-aliases",),
        ("--drop-duplicates",),
        ("--fix", "o.jsonl", "--accepted", "a"),
        ("--fix", "data.jsonl"),
        ("--accepted", "data.jsonl"),
        ("--accepted", "a", "--rejected", "a"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], data: Path, here: Command) -> None:
    before = data.read_bytes()
    assert here("validate", "data.jsonl", *arguments).returncode == 2
    assert data.read_bytes() == before and sorted(p.name for p in data.parent.glob("*.jsonl")) == [
        "data.jsonl"
    ]


def test_explain_tells_what_mends_a_rule(here: Command) -> None:
    assert "written in small letters" in here("explain", "FT207").stdout
    assert json.loads(here("explain", "FT206", "--json").stdout)["fixed_by"] == ["role-renamed"]
    assert json.loads(here("explain", "FT203", "--json").stdout)["fixed_by"] == []
