"""What ``validate``, ``split``, ``rules`` and ``explain`` print, word for word, in this process."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftkit.cli.root import main

MAPPING = ("--user", "{text}", "--assistant", "{label}")


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


def chat(question: str, reply: str = "yes") -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def good(count: int = 12) -> str:
    return "".join(chat(f"{n}?") for n in range(count))


WHOLE = """\
FT206 role-unknown  1 finding
  WHY
bad.jsonl:3:24 FT206 [role-unknown] error: unknown role 'usr' (/messages/0/role)
  | {"messages": [{"role": "usr", "content": "日本語"}, {"role": "assistant", "content": ""}]}
  |                        ^^^^^
  = Write 'user'.

FT211 content-empty  1 finding
  WHY
bad.jsonl:3:83 FT211 [content-empty] error: the content is empty (/messages/1/content)
  | …日本語"}, {"role": "assistant", "content": ""}]}
  |                                             ^^
  = Write the text, or remove the example.

FT105 blank-line  1 finding
  WHY
bad.jsonl:4 FT105 [blank-line] warning: the line is blank

FT222 unknown-key  1 finding
  WHY
bad.jsonl:5:2 FT222 [unknown-key] warning: unknown key 'mesages' beside 'messages' (/mesages)
  | {"mesages": 1, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]…
  |  ^^^^^^^^^
  = Did you mean 'messages'?

rule   name           severity  findings
────────────────────────────────────────
FT206  role-unknown   error            1
FT211  content-empty  error            1
FT105  blank-line     warning          1
FT222  unknown-key    warning          1

6 messages: assistant 3, user 3
replies: yes 2, b 1
longest rows: line 5 (101 bytes), line 1 (90 bytes), line 2 (90 bytes)

4 rows read from bad.jsonl: 3 accepted, 1 rejected; 2 errors, 2 warnings
not fit for local as it is
`--fix` may mend FT105.
"""


def test_a_bad_file_is_printed_word_for_word(call: Call) -> None:
    usr = '{"messages": [{"role": "usr", "content": "日本語"}, {"role": "assistant", "content": ""}]}\n'
    misspelt = '{"mesages": 1, "messages": ' + chat("a", "b").removeprefix('{"messages": ')
    Path("bad.jsonl").write_text(good(2) + usr + "\n" + misspelt, "utf-8")
    done = call("validate", "bad.jsonl", "--ignore", "too-few-examples", "--quiet")
    said = re.sub(r"(?m)(?:^  [A-Z].*\n(?:  [a-z].*\n)*)", "  WHY\n", done.out)
    assert said == WHOLE
    assert (done.code, done.err) == (1, "")


def test_one_of_each_is_said_in_the_singular(call: Call) -> None:
    Path("one.jsonl").write_text('{"messages": [{"role": "assistant", "content": "yes"}]}\n')
    done = call("validate", "one.jsonl", "--model", "linear")
    assert "1 usable example; ftkit's local platform wants at least 10" in done.out
    assert "1 row read from one.jsonl: 1 accepted, 0 rejected; 1 error, 0 warnings" in done.out
    assert "1 message: assistant 1\n" in done.out and "longest rows: line 1 (1 token)" in done.out
    assert "tokens per row (words, 1 row)" in done.out and "\n1 token: 1 trained (100%), 0 prompt" in done.out


def test_what_is_shown_and_what_is_not_add_up(call: Call) -> None:
    Path("bad.jsonl").write_text('{"messages": []}\n' * 9 + "{\n" * 4 + "\n" * 2 + good())
    for most in (1, 3, 50):
        done = call("validate", "bad.jsonl", "--max-findings", str(most))
        for code, count in (("FT203", 9), ("FT106", 4), ("FT105", 2)):
            assert done.out.count(f" {code} [") == min(count, most)
            more = f"... and {count - most} more {code}\n"
            assert (more in done.out) == (count > most)
        assert "25 rows read from bad.jsonl: 12 accepted, 13 rejected; 13 errors, 2 warnings" in done.out


def test_a_rule_left_out_does_not_make_a_broken_file_fit(call: Call) -> None:
    Path("bad.jsonl").write_text(good() + "{\n")
    done = call("validate", "bad.jsonl", "--ignore", "FT106")
    assert done.code == 1
    assert "13 rows read from bad.jsonl: 12 accepted, 1 rejected; 0 errors, 0 warnings" in done.out
    assert "note: not usable, and no rule is asked that says so: 1 not-json" in done.out
    assert done.out.endswith("not fit for local as it is\n")


ODD = ["\x1b[31mred\x1b[0m", "bell\x07", "two\nlines", "\u202eevil", ":smile:", "[bold]x[/bold]", "\x9b2J"]


@pytest.mark.parametrize("reply", ODD, ids=range(len(ODD)))
def test_replies_reach_the_terminal_as_text_and_nothing_else(reply: str, call: Call) -> None:
    Path("data.jsonl").write_text("".join(chat(f"{n}?", reply) for n in range(12)), "utf-8")
    done = call("validate", "data.jsonl")
    assert done.code == 0
    line = next(line for line in done.out.split("\n") if line.startswith("replies: "))
    assert line.isprintable() and line.endswith(" 12")
    if reply.isprintable():
        assert line == f"replies: {reply} 12"


@pytest.mark.parametrize("label", ODD, ids=range(len(ODD)))
def test_labels_and_keys_reach_the_terminal_as_text(label: str, call: Call) -> None:
    Path("data.jsonl").write_text(chat("a", "other") + json.dumps({label: 1}) + "\n")
    done = call("validate", "data.jsonl", "--label", label, "--max-findings", "5")
    assert done.code == 1 and "FT401" in done.out and "FT201" in done.out
    assert all(line.isprintable() for line in done.out.split("\n"))
    assert not label.isprintable() or label in done.out


@given(lines=st.lists(st.binary(max_size=40), max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_a_file_is_printed_as_text(lines: list[bytes], call: Call) -> None:
    Path("data.jsonl").write_bytes(b"\n".join(lines))
    done = call("validate", "data.jsonl", "--max-findings", "1000")
    assert done.code in (0, 1)
    assert all(line.isprintable() for line in done.out.split("\n"))
    heads = [line for line in done.out.split("\n") if line.startswith("data.jsonl") and " FT" in line]
    report = json.loads(call("validate", "data.jsonl", "--max-findings", "1000", "--json").out)
    assert len(heads) == len(report["findings"]) == sum(report["counts"].values())


def test_the_table_of_models_says_what_is_not_known(call: Call) -> None:
    Path("data.jsonl").write_text(good())
    Path("ftkit.toml").write_text(
        '[models.small]\nprovider = "local"\ntokenizer = "words"\nchat_template = "words"\n'
        "limits = { training_context = 1 }\nprice = { train = 1000000.0 }\n"
        '[models.bare]\nprovider = "local"\ntokenizer = "words"\nchat_template = "words"\n'
        '[models.dark]\nprovider = "local"\n'
    )
    done = call("validate", "data.jsonl", *(f"--model={m}" for m in ("small", "bare", "dark", "small")))
    rows = [
        line.split() for line in done.out.splitlines() if line.strip().startswith(("small", "bare", "dark"))
    ]
    assert rows == [
        ["small", "1", "12", "3", "12", "$12.00", "unknown", "unknown"],
        ["bare", "unknown", "unknown", "3", "36", "unknown", "unknown", "unknown"],
    ]
    assert "note: dark: tokens not counted: unknown tokenizer" in done.out
    assert done.code == 1 and "12 rejected; 13 errors" in done.out


def test_json_and_the_printed_report_say_the_same(call: Call) -> None:
    Path("data.jsonl").write_text(good() + chat("", "no") + "[]\n" + chat("0?"))
    printed, report = call("validate", "data.jsonl"), json.loads(call("validate", "data.jsonl", "--json").out)
    assert printed.code == 1 and not report["ok"]
    first = f"{report['rows']} rows read from data.jsonl: {report['accepted']} accepted, "
    assert first + f"{report['rejected']} rejected" in printed.out
    for finding in report["findings"]:
        place = ":".join(str(finding[k]) for k in ("file", "line", "column") if finding[k] is not None)
        head = f"{place} {finding['code']} [{finding['rule']}] {finding['severity']}: {finding['message']}"
        assert head in printed.out
    assert report["infos"] == 0 and report["bytes"] == Path("data.jsonl").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("validate", "~nobody-of-this-name/a.jsonl"), 2, "there is no such home folder"),
        (("split", "~nobody-of-this-name/a.jsonl", "--out", "o"), 2, "there is no such home folder"),
        (("validate", "x" * 300 + ".jsonl"), 4, "File name too long"),
        (("validate", "cut.jsonl.gz"), 1, "FT114 [damaged-source]"),
        (("validate", "a.jsonl", "--ignore", "Not-Jsn"), 2, "Did you mean not-json"),
        (("validate", "a.csv", "--encoding", "klingon", *MAPPING), 2, "klingon"),
        (("validate", "a.csv", "--columns", "text"), 2, "1 column"),
        (("split", "a.csv", "--out", "o"), 2, "--user '{text}' --assistant '{label}'"),
        (("split", "a.jsonl", "--out", "o", "--train", "0"), 2, "train"),
        (("split", "a.jsonl", "--out", "o", "--test", "-1"), 2, "test"),
        (("split", "manifest.json", "--out", "."), 2, "the manifest would overwrite the source"),
        (("explain", "FT999"), 2, "`ftkit rules` lists all of them"),
        (("explain",), 2, "Missing argument 'RULE'"),
    ],
)
def test_bad_calls_say_what_and_how(arguments: tuple[str, ...], code: int, words: str, call: Call) -> None:
    Path("a.jsonl").write_text(good())
    Path("manifest.json").write_text(good())
    Path("a.csv").write_text("text,label\na,b\n")
    Path("cut.jsonl.gz").write_bytes(gzip.compress(good(200).encode())[:-20])
    done = call(*arguments)
    assert done.code == code, done
    assert words in done.out + done.err
    assert "Traceback" not in done.err and "has a bug" not in done.err


def test_split_prints_what_it_wrote(call: Call) -> None:
    Path("data.jsonl").write_text(good(40) + good(5))
    done = call("split", "data.jsonl", "--train", "20", "--test", "0.25", "--out", "my parts", "--seed", "7")
    assert done.code == 0, done.err
    parts = json.loads(Path("my parts/manifest.json").read_text())["parts"]
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line[:6].strip()}
    for name, part in parts.items():
        line = " ".join(rows[name])
        assert line.startswith(f"{name} my parts/{name}.jsonl {part['requested']} {part['rows']} ")
        assert line.endswith(f"{part['share']:.1%} {part['sha256'][:12]}")
    unused = 45 - sum(part["rows"] for part in parts.values())
    assert f"45 rows in 40 groups of equal prompts, {unused} unused; seed 7" in done.out


def test_split_warns_of_counts_that_groups_do_not_allow(call: Call) -> None:
    Path("data.jsonl").write_text(chat("same") * 8)
    done = call("split", "data.jsonl", "--test", "3", "--out", "parts")
    assert done.code == 0
    assert "test: 0 rows instead of 3, because examples with the same prompt are not divided" in done.err
    assert json.loads(call("split", "data.jsonl", "--test", "3", "--out", "parts", "--json").out)["notes"]


def test_each_rule_is_listed_in_one_line_and_explained_in_full(call: Call) -> None:
    listed = json.loads(call("rules", "--json").out)["rules"]
    text = call("rules").out
    for rule in listed:
        assert rule["code"] in text and rule["name"] in text
        told = call("explain", rule["name"].upper())
        assert told.code == 0 and told.out.startswith(f"{rule['code']} {rule['name']} ({rule['severity']})")
        assert " ".join(told.out.split()).count(" ".join(rule["why"].split())) == 1
        assert "Not so:" in told.out and "So:" in told.out
        assert all(line.isprintable() and len(line) <= 500 for line in told.out.split("\n"))
