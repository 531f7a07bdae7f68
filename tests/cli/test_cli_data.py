"""``ftkit validate``, ``split``, ``rules`` and ``explain`` as real commands."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]
MAPPING = ("--user", "{text}", "--assistant", "{label}")


def chat(number: int, reply: str = "yes", role: str = "user") -> str:
    messages = [{"role": role, "content": f"text {number}?"}, {"role": "assistant", "content": reply}]
    return json.dumps({"messages": messages}) + "\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jsonl"
    path.write_text("".join(chat(n, "no" if n % 2 else "yes") for n in range(40)))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table as old tools write it: Latin-1, CR line ends, no header."""
    path = tmp_path / "table.csv"
    path.write_bytes(
        "".join(f'{"good" if n % 2 else "bad"},"café, nr {n}"\r' for n in range(40)).encode("latin-1")
    )
    return path


def test_good_data(ftkit: Command, good: Path) -> None:
    done = ftkit("validate", "good.jsonl", "--model", "linear")
    assert done.returncode == 0, done.stderr
    assert "40 rows read from good.jsonl: 40 accepted, 0 rejected; 0 errors, 0 warnings" in done.stdout
    assert "80 messages: assistant 40, user 40" in done.stdout
    assert "tokens per row (words, 40 rows)" in done.stdout
    assert "mean 4.0, median 4, p95 4, longest 4\n160 tokens: 40 trained (25%), 120 prompt" in done.stdout
    assert "replies: no 20, yes 20" in done.stdout and "fit for local" in done.stdout
    assert any(line.split()[:4] == ["linear", "32,768", "0", "4"] for line in done.stdout.splitlines())


def test_findings_are_printed_with_place_mark_and_hint(ftkit: Command, good: Path) -> None:
    with good.open("a") as file:
        file.write(chat(41, role="human") + '{"messages": [],}\n')
    done = ftkit("validate", "good.jsonl")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = lines.index("good.jsonl:41:24 FT206 [role-unknown] error: unknown role 'human' (/messages/0/role)")
    assert lines[at + 1].startswith('  | {"messages": [{"role": "human"')
    mark = lines[at + 2]
    assert lines[at + 1][mark.index("^") : mark.rindex("^") + 1] == '"human"'
    assert lines[at + 3] == "  = Write 'user'."
    assert "FT206 role-unknown  1 finding" in lines[:at] and lines[at - 1].startswith("  ")
    assert any(line.startswith("good.jsonl:42:16 FT") and "a comma after" in line for line in lines)
    assert "42 rows read from good.jsonl: 40 accepted, 2 rejected; 2 errors, 0 warnings" in lines


def test_more_findings_than_are_shown_are_counted(ftkit: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n" * 30)
    done = ftkit("validate", "bad.jsonl", "--max-findings", "3")
    assert done.returncode == 1
    assert done.stdout.count(" FT201 [") == 3 and "... and 27 more FT201" in done.stdout


def test_json_is_the_report(ftkit: Command, good: Path) -> None:
    good.write_text(good.read_text() + chat(1, role="User"))
    done = ftkit("validate", "good.jsonl", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["ok"], report["rows"], report["counts"]) == (False, 41, {"FT207": 1})
    assert report["findings"][0]["pointer"] == "/messages/0/role"
    assert all(json.loads(line)["type"] for line in done.stderr.splitlines())


def test_terminal_codes_in_data_do_not_reach_the_terminal(ftkit: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"messages": "\\u001b[31m [bold] \x1b[2J"}\n')
    done = ftkit("validate", "bad.jsonl")
    assert done.returncode == 1 and "\x1b" not in done.stdout
    assert "a bare control character (U+001B) inside a text" in done.stdout


def test_a_table_is_mapped_by_options(ftkit: Command, table: Path) -> None:
    done = ftkit(
        "validate", "table.csv", "--columns", "label,text", *MAPPING, "--label", "good", "--label", "bad"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replies: bad 20, good 20" in done.stdout and "note: line ends: CR" in done.stdout
    limited = ftkit("validate", "table.csv", "--columns", "label,text", *MAPPING, "--limit", "10", "--json")
    assert json.loads(limited.stdout)["rows"] == 10
    wrong = ftkit("validate", "table.csv", "--columns", "label,text", *MAPPING, "--label", "good")
    assert wrong.returncode == 1 and "FT401" in wrong.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.jsonl"], 2, "there is no such file"),
        (["table.csv"], 2, "--user '{text}'"),
        (["table.csv", "--columns", "label,text", "--user", "{txt}"], 2, "Did you mean 'text'?"),
        (["table.csv", "--columns", "a,b,c", *MAPPING], 2, "would have 3 columns (a, b, c), and this has 2"),
        (["table.csv", "--columns", "a,,b", *MAPPING], 2, "every column needs a name"),
        (["table.csv", "--columns", "text,text", *MAPPING], 2, "every column needs a name"),
        (["table.csv", "--columns", "label,text", "--assistant", "{label}"], 2, "--user is missing"),
        (["table.csv", "--columns", "label,text", "--user", "{text"], 2, "a lone '{'"),
        (["table.csv", "--columns", "label,text", "--user", "same"], 2, "names a column"),
        (["good.jsonl", "--model", "linaer"], 2, "Did you mean linear"),
        (["good.jsonl", "--platform", "nowhere"], 2, "no platform is called 'nowhere'"),
        (["good.jsonl", "--ignore", "FT999"], 2, "no rule is called 'FT999'"),
        (["good.jsonl", "--max-findings", "0"], 2, "--max-findings"),
        (["empty.jsonl"], 1, "there is no example in it"),
        (["empty.csv", *MAPPING], 1, "the file is empty"),
        ([], 2, "Missing argument 'DATA'"),
    ],
)
def test_bad_input_to_validate(
    ftkit: Command, good: Path, table: Path, arguments: list[str], code: int, words: str
) -> None:
    Path("empty.jsonl").touch()
    Path("empty.csv").touch()
    done = ftkit("validate", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_split_by_counts(ftkit: Command, table: Path) -> None:
    done = ftkit(
        "split",
        "table.csv",
        "--columns",
        "label,text",
        *MAPPING,
        "--train",
        "10",
        "--test",
        "25",
        "--out",
        "parts",
    )
    assert done.returncode == 0, done.stderr
    assert len(Path("parts/train.jsonl").read_text("utf-8").splitlines()) == 10
    assert len(Path("parts/test.jsonl").read_text("utf-8").splitlines()) == 25
    assert not Path("parts/validation.jsonl").exists()
    assert "40 rows in 40 groups of equal prompts, 5 unused; seed 0" in done.stdout
    first = json.loads(Path("parts/test.jsonl").read_text("utf-8").splitlines()[0])
    assert first["messages"][0]["content"].startswith("café, nr")


def test_split_by_default(ftkit: Command, good: Path) -> None:
    done = ftkit("split", "good.jsonl", "--out", "parts", "--json", "--seed", "3")
    result = json.loads(done.stdout)
    assert done.returncode == 0 and list(result["parts"]) == ["train", "validation"]
    assert sum(part["rows"] for part in result["parts"].values()) == 40
    assert json.loads(Path("parts/manifest.json").read_text())["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["good.jsonl"], 2, "Missing option '--out'"),
        (["good.jsonl", "--out", "parts", "--train", "0.5x"], 2, "neither a count nor a share"),
        (["good.jsonl", "--out", "parts", "--train", "0.8", "--test", "0.3"], 2, "add up to 1.1"),
        (["good.jsonl", "--out", "parts", "--train", "30", "--test", "20"], 2, "there are 40 rows"),
        (["good.jsonl", "--out", "good.jsonl/parts"], 4, "not a directory"),
        (["nothing.jsonl", "--out", "parts"], 2, "there is no such file"),
        (["empty.jsonl", "--out", "parts"], 1, "the file is empty"),
        (["broken.jsonl", "--out", "parts"], 1, "broken.jsonl:1: this line is not JSON"),
        (["table.csv", "--columns", "label,text", "--user", "{txt}", "--out", "parts"], 2, "no column 'txt'"),
        (["train.jsonl", "--out", "."], 2, "would overwrite the source"),
    ],
)
def test_bad_input_to_split(
    ftkit: Command, good: Path, table: Path, arguments: list[str], code: int, words: str
) -> None:
    Path("empty.jsonl").touch()
    Path("broken.jsonl").write_text("{\n")
    Path("train.jsonl").write_text(good.read_text())
    done = ftkit("split", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert words.lower() in done.stderr.lower() and "Traceback" not in done.stderr
    assert not list(Path().glob("parts/*"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(ftkit: Command, good: Path) -> None:
    Path("parts").mkdir(mode=0o500)
    done = ftkit("split", "good.jsonl", "--out", "parts")
    assert done.returncode == 4 and "Choose a directory that you may write to" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file size limit")
def test_a_full_disk_leaves_no_half_written_part(ftkit: Command, good: Path) -> None:
    import resource

    good.write_text("".join(chat(n) for n in range(40_000)))
    limit = 200_000

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = ftkit("split", "good.jsonl", "--out", "parts", preexec_fn=small_files_only)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "cannot use this place" in done.stderr and "Traceback" not in done.stderr
    assert list(Path("parts").iterdir()) == []


def test_rules_lists_and_explain_tells(ftkit: Command) -> None:
    listed = json.loads(ftkit("rules", "--json").stdout)
    codes = [rule["code"] for rule in listed["rules"]]
    assert codes == sorted(codes) and {"FT101", "FT206", "FT301", "FT401", "FT501"} <= set(codes)
    text = ftkit("rules").stdout
    assert all(code in text for code in codes)
    told = ftkit("explain", "ft206")
    assert told.returncode == 0 and told.stdout.startswith("FT206 role-unknown (error)")
    assert '"role": "human"' in told.stdout
    assert json.loads(ftkit("explain", "role-unknown", "--json").stdout)["code"] == "FT206"
    unknown = ftkit("explain", "FT206x")
    assert unknown.returncode == 2 and "Did you mean FT206" in unknown.stderr


@pytest.mark.parametrize("command", ["validate", "split", "rules", "explain"])
def test_help_has_examples(ftkit: Command, command: str) -> None:
    done = ftkit(command, "--help")
    assert done.returncode == 0 and f"  ftkit {command}" in done.stdout.partition("Examples:")[2]
