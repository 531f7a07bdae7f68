"""``ftkit validate``, ``rules`` and ``explain``: forms of the report, choice of rules, candidates."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ftkit.cli.root import main
from ftkit.validation import load_rules

ROW = '{"messages": [{"role": "user", "content": "%s?"}, {"role": "assistant", "content": "yes"}], "x": 1}\n'
MINE = '''
from ftkit.validation import Found, rule

@rule("MY1", "mine", bad="{}", good="{}", severity="warning", params={"word": "yes", "most": 3, "on": True})
def mine(row):
    """A reply may not be this word. It says nothing."""
    if row.messages[-1][1]["content"] == row.context.param(mine, "word"):
        yield Found("it is the word", "Say more.")

@rule("MY2", "quiet", bad="{}", good="{}", severity="off")
def quiet(row):
    """Of interest to few."""
    yield Found("quiet")

RULES = [mine, quiet]
'''


class Done(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Done]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command's own main function."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["ftkit", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Done(left.value.code if isinstance(left.value.code, int) else 0, out, err)

    return run


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve rows, each with one unknown key, and a file of rules."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    Path("data.jsonl").write_text("".join(ROW % n for n in range(12)))
    return tmp_path / "data.jsonl"


def counts(call: Call, *arguments: str) -> dict[str, int]:
    done = call("validate", "data.jsonl", "--json", *arguments)
    assert done.out, done.err
    report: dict[str, Any] = json.loads(done.out)
    return dict(report["counts"])


def test_every_form_says_the_same(call: Call) -> None:
    report = json.loads(call("validate", "data.jsonl", "--format", "json", "-q", "--select", "FT222").out)
    assert report["counts"] == {"FT222": 12} and len(report["findings"]) == 12
    lines = call("validate", "data.jsonl", "--format", "jsonl", "-q", "--select", "FT222").out.splitlines()
    assert len(lines) == 13 and json.loads(lines[-1])["counts"] == {"FT222": 12}
    log = json.loads(call("validate", "data.jsonl", "--format", "sarif", "-q", "--select", "FT222").out)
    assert [r["ruleId"] for r in log["runs"][0]["results"]] == ["FT222"] * 12
    assert [r["id"] for r in log["runs"][0]["tool"]["driver"]["rules"]] == ["FT222"]
    github = call("validate", "data.jsonl", "--format", "github", "-q", "--select", "FT222").out.splitlines()
    assert github[0].startswith("::warning file=data.jsonl,line=1,col=") and len(github) == 11
    text = call("validate", "data.jsonl", "--format", "text", "-q", "--select", "FT222").out
    assert text.count("FT222 [") == 5 and "... and 7 more FT222" in text


def test_json_is_one_form_and_no_other_beside_it(call: Call) -> None:
    same = [call("validate", "data.jsonl", "-q", *how).out for how in (["--json"], ["--format", "json"])]
    assert same[0] == same[1]
    wrong = call("validate", "data.jsonl", "--json", "--format", "sarif")
    assert wrong.code == 2 and "choose one" in wrong.out + wrong.err


def test_the_exit_code_is_the_same_in_every_form(call: Call) -> None:
    for form in ("text", "json", "jsonl", "sarif", "github"):
        good = call("validate", "data.jsonl", "--format", form)
        bad = call("validate", "data.jsonl", "--format", form, "--severity", "FT222=error")
        assert (good.code, bad.code) == (0, 1), form


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], {"FT222": 12}),
        (["--ignore", "FT222"], {}),
        (["--ignore", "FT1,FT22"], {}),
        (["--select", "FT1"], {}),
        (["--severity", "unknown-key=off"], {}),
        (["--validator", "mine.py"], {"FT222": 12, "MY1": 12}),
        (["--validator", "mine.py", "--select", "mine", "--set", "MY1.word=no"], {}),
        (["--validator", "mine.py", "--select", "MY", "--severity", "MY2=info"], {"MY1": 12, "MY2": 12}),
    ],
)
def test_rules_are_chosen_on_the_command_line(
    call: Call, arguments: list[str], found: dict[str, int]
) -> None:
    assert counts(call, "--ignore", "FT5", *arguments) == found


def test_the_file_chooses_and_the_command_line_is_stronger(call: Call) -> None:
    Path("ftkit.toml").write_text(
        '[validation]\nignore = ["FT5", "FT222"]\nvalidators = ["mine.py"]\n'
        '[validation.params]\nMY1.word = "no"\n'
    )
    assert counts(call) == {}
    assert counts(call, "--select", "FT222") == {"FT222": 12}
    assert counts(call, "--set", "MY1.word=yes") == {"MY1": 12}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--severity", "FT222"], "is not RULE=LEVEL"),
        (["--severity", "FT222=fatal"], "'fatal' is no severity"),
        (["--set", "FT222"], "is not RULE.NAME=VALUE"),
        (["--set", "FT222.most=1"], "FT222 (unknown-key) has no parameter 'most'"),
        (["--select", "unknown-kye"], "Did you mean unknown-key"),
        (["--ignore", "FT8"], "no rule is called 'FT8'"),
        (["--validator", "none.py"], "there is no such file of rules"),
        (["--validator", "broken.py"], "broken.py:2"),
        (["--method", "ppo"], "--method"),
        (["--epochs", "0"], "--epochs"),
        (["--candidates", "--platform", "azure-openai"], "no model of azure-openai that can be tuned"),
    ],
)
def test_what_is_asked_wrongly_is_said(call: Call, arguments: list[str], words: str) -> None:
    Path("broken.py").write_text("\nimport nothing_of_this_name\n")
    done = call("validate", "data.jsonl", *arguments)
    assert done.code == 2 and words in done.out + done.err and "Traceback" not in done.err


def test_candidates_are_all_models_that_can_be_tuned_with_their_costs(call: Call) -> None:
    report = json.loads(call("validate", "data.jsonl", "--json", "--candidates", "--platform", "local").out)
    assert [fit["model"] for fit in report["fits"]] == ["linear"]
    assert report["fits"][0]["training_cost"] == 0 and report["fits"][0]["training_cost_all"] is None
    everyone = ("--model", "all", "--platform", "local", "--epochs", "3")
    priced = json.loads(call("validate", "data.jsonl", "--json", *everyone).out)["fits"]
    assert (priced[0]["epochs"], priced[0]["training_cost_all"]) == (3, 0)
    assert "3 epochs" in call("validate", "data.jsonl", "-q", *everyone).out


def test_candidates_of_no_platform_are_those_of_all_that_are_open(call: Call) -> None:
    bound = ("--counts", "bound", "--candidates")  # needs no vocabulary
    fits = json.loads(call("validate", "data.jsonl", "--json", *bound).out)["fits"]
    assert {fit["provider"] for fit in fits} >= {"local", "openai"}
    assert "kluster" not in {fit["provider"] for fit in fits}
    assert all(fit["training_cost"] is None for fit in fits if fit["provider"] == "openai")


def test_rules_lists_what_holds_here(call: Call) -> None:
    Path("ftkit.toml").write_text(
        '[providers.mild]\nbase_url = "http://x"\nrules = { FT211 = "warning" }\n'
        '[validation.severity]\nFT222 = "off"\n'
    )
    listed = json.loads(call("rules", "--platform", "mild", "--format", "json").out)["rules"]
    here = {rule["code"]: (rule["severity"], rule["default"]) for rule in listed}
    assert here["FT211"] == ("warning", "error") and here["FT222"] == ("off", "warning")
    assert list(here) == [rule.code for rule in load_rules().rules]
    assert json.loads(call("explain", "FT211", "--json").out)["platforms"] == {"mild": "warning"}
    told = call("explain", "FT211").out
    assert "Severity: error here, error by default\n  on mild: warning\n" in told
    assert "To switch it on: --severity FT222=warning" in call("explain", "unknown-key").out


def test_rules_are_listed_by_family_with_their_parameters(call: Call) -> None:
    listed = json.loads(call("rules", "my", "FT106", "--validator", "mine.py", "--json").out)["rules"]
    assert [rule["code"] for rule in listed] == ["FT106", "MY1", "MY2"]
    assert listed[1]["params"] == {"word": "yes", "most": 3, "on": True}
    text = call("rules", "MY", "--validator", "mine.py").out
    assert "A reply may not be this word. word=yes, most=3, on=true" in text and "FT106" not in text
    assert call("rules", "nothing-like-it").code == 2


def test_explain_tells_parameters_and_how_to_switch_off(call: Call) -> None:
    told = call("explain", "mine", "--validator", "mine.py").out
    assert "A reply may not be this word. It says nothing." in told
    assert "Parameters:\n  word = yes\n  most = 3\n  on = true\n" in told
    assert (
        "--set MY1.word=yes" in told
        and '--ignore MY1, or in ftkit.toml under [validation]: ignore = ["MY1"]' in told
    )


def test_the_page_of_rules_has_every_rule_and_is_found_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Path(__file__).resolve().parents[2] / "tools" / "rule_reference.py"
    tool = runpy.run_path(str(script), run_name="rule_reference")
    page = tmp_path / "docs" / "rules.md"
    monkeypatch.setitem(tool["main"].__globals__, "PAGE", page)

    def answer(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["rule_reference.py", *options])
        return int(tool["main"]())

    assert answer("--check") == 1 and "make format" in capsys.readouterr().out
    assert (answer(), answer("--check")) == (0, 0)
    text = page.read_text("utf-8")
    for rule in load_rules().rules:
        assert f"\n### {rule.code} {rule.name}\n\n{rule.why}\n" in text
    assert "\n## Others\n" not in text and str(Path.home()) not in text
    page.write_text(text + "more\n", "utf-8")
    assert answer("--check") == 1
