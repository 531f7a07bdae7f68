"""``fix`` over whole files: what is mended, what is rejected, what the log says, what is never touched."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from ftkit_validators import tools

from ftkit.errors import StorageError, UsageError
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, validate
from ftkit.validation.fixing import MENDS, FixOptions, FixReport, fix, mends_of, separate
from ftkit.validation.plugins import load_rules

SETTINGS = Settings(platform="own", providers={"own": {"limits": {"min_examples": None}}})


def row(number: int = 1, **fields: Any) -> str:
    messages = [{"role": "user", "content": f"é {number}?"}, {"role": "assistant", "content": "yes"}]
    return json.dumps({"messages": messages, **fields}, ensure_ascii=False)


class Fixed:
    """A fixed file: its report, the corrected lines, the rejected rows and the log."""

    def __init__(self, report: FixReport) -> None:
        self.report = report
        self.text = report.fixed.path.read_bytes()
        self.lines = self.text.decode().removeprefix("\ufeff").splitlines()
        self.rejected = [json.loads(x) for x in report.rejected_rows.path.read_text("utf-8").splitlines()]
        *self.log, self.summary = [json.loads(x) for x in report.log.path.read_text("utf-8").splitlines()]

    @property
    def changes(self) -> list[tuple[int, str]]:
        return [(entry["line"], entry["change"]) for entry in self.log]


def run(
    data: bytes | str, folder: Path, *, name: str = "data.jsonl", settings: Settings = SETTINGS, **given: Any
) -> Fixed:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    options = ValidateOptions(**given.pop("options", {}))
    fixed = Fixed(fix(folder / name, settings=settings, options=options, mends=FixOptions(**given)))
    report = fixed.report
    assert report.accepted + report.rejected == report.read
    assert (len(fixed.lines), len(fixed.rejected)) == (report.accepted, report.rejected)
    assert fixed.summary["summary"]["changes"] == report.changes
    return fixed


def test_what_is_right_is_copied_byte_for_byte(tmp_path: Path) -> None:
    data = f'{row(1)}\n  {row(2)}  \n{{"messages" :[{{"content":"\\u0041", "role":"user"}},{row(3)[14:]}\n'
    fixed = run(data, tmp_path)
    assert fixed.text == data.encode() and fixed.log == [] and fixed.report.ok
    assert (fixed.report.changed, fixed.report.changes) == (0, {})
    assert (tmp_path / "data.jsonl").read_bytes() == data.encode()


@pytest.mark.parametrize(
    ("data", "lines", "changes"),
    [
        (b"\xef\xbb\xbf{1}\n", ["{1}"], [(1, "byte-order-mark-removed")]),
        (b"{1}\r\n{2}\r\n", ["{1}", "{2}"], [(1, "crlf-to-lf")]),
        (b"{1}\r{2}\n", ["{1}", "{2}"], [(1, "cr-to-lf")]),
        (b"{1}\n{2}", ["{1}", "{2}"], [(2, "last-line-end-added")]),
        (b"\n{1}\n \t\n{2}\n", ["{1}", "{2}"], [(1, "blank-line-dropped"), (3, "blank-line-dropped")]),
        (b"# rows\n{1}\n", ["{1}"], [(1, "comment-removed")]),
        (b"{1}\n\xef\xbb\xbf{2}\n", ["{1}", "{2}"], [(2, "byte-order-mark-removed")]),
        (b"{1}{2}\n", ["{1}", "{2}"], [(1, "objects-put-on-lines")] * 2),
        (b"[{1},{2}]\n", ["{1}", "{2}"], [(1, "array-unwrapped")]),
        (b"[\n{1},\n{2}\n]\n", ["{1}", "{2}"], [(1, "array-unwrapped")]),
        (b"[{1},\n{2},]\n{1}\n", ["{1}", "{2}", "{1}"], [(1, "array-unwrapped")]),
        (b"{1}\n[{2},{1}]\n", ["{1}", "{2}", "{1}"], [(2, "array-unwrapped")] * 2),
        (b"[{1},\n{2}\n", ["{1}", "{2}"], [(1, "array-unwrapped")]),
        (b"{1},\n{2},\n", ["{1}", "{2}"], [(1, "trailing-comma-removed"), (2, "trailing-comma-removed")]),
    ],
)
def test_the_frame_of_the_file(data: bytes, lines: list[str], changes: list[Any], tmp_path: Path) -> None:
    plain = {
        f"{{{n}}}": json.dumps(json.loads(row(n)), ensure_ascii=False, separators=(",", ":")) for n in (1, 2)
    }
    for mark, text in plain.items():
        data = data.replace(mark.encode(), text.encode())
    fixed = run(data, tmp_path)
    assert fixed.lines == [plain[line] for line in lines]
    assert fixed.changes == changes and fixed.report.ok


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16(codec: str, tmp_path: Path) -> None:
    fixed = run(f"\ufeff{row(1)}\r\n{row(2)} 😀\r\n".encode(codec), tmp_path)
    assert fixed.lines == [row(1)] and fixed.changes[0] == (1, "utf-16-to-utf-8")
    assert fixed.rejected[0]["raw"] == f"{row(2)} 😀"
    odd = run(f"\ufeff{row(1)}\n".encode(codec) + "\ud83dx".encode(codec, "surrogatepass") + b"\0", tmp_path)
    assert odd.lines == [row(1)] and odd.report.rejected == 1 and "raw_base64" in odd.rejected[0]


def test_a_pretty_printed_file(tmp_path: Path) -> None:
    rows = [json.loads(row(n)) for n in range(3)]
    for data in ("\n".join(json.dumps(r, indent=2) for r in rows), json.dumps(rows, indent=2)):
        fixed = run(data, tmp_path)
        assert [json.loads(line) for line in fixed.lines] == rows and fixed.report.changed == 3
        assert fixed.report.changes["lines-joined"] == 3 and fixed.report.ok


def test_a_printed_dict(tmp_path: Path) -> None:
    wanted = {"messages": [{"role": "user", "content": 'it\'s\n"é"'}, {"role": "assistant", "content": "x"}]}
    fixed = run(f"{wanted!r}\n[{wanted!r}, {wanted!r}]\n", tmp_path)
    assert [json.loads(line) for line in fixed.lines] == [wanted] * 3
    assert {"quotes-made-double", "array-unwrapped"} <= fixed.report.changes.keys()


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    good = row(1)
    cuts = [good[:cut] for cut in range(1, len(good))]
    fixed = run("".join(f"{cut}\n{good}\n" for cut in cuts), tmp_path)
    assert fixed.lines == [good] * len(cuts)
    assert [(r["line"], r["raw"]) for r in fixed.rejected] == [(2 * i + 1, cut) for i, cut in enumerate(cuts)]


def test_a_list_of_messages_is_one_row(tmp_path: Path) -> None:
    line = json.dumps(json.loads(row(1))["messages"])
    fixed = run(f"{line}\n{line}\n", tmp_path)
    assert [r["reasons"][0]["code"] for r in fixed.rejected] == ["FT107", "FT107"]


def test_values_that_are_mended(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1.50}}}
    messages = [
        {"role": " System", "content": "s"},
        {"role": "USER", "content": "u"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": "é", "weight": 1.0},
    ]
    text = json.dumps({"messages": messages, "metadata": {"n": "N"}}).replace('"N"', "0.10000000000000000055")
    fixed = run(text + "\n", tmp_path)
    made = json.loads(fixed.lines[0])
    assert [m["role"] for m in made["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert made["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"a":1.5}'
    assert '"weight":1}' in fixed.lines[0] and '"n":0.10000000000000000055' in fixed.lines[0]
    assert [(e["pointer"], e["before"], e["after"]) for e in fixed.log[:2]] == [
        ("/messages/0/role", " System", "system"),
        ("/messages/1/role", "USER", "user"),
    ]
    assert (fixed.log[2]["pointer"], fixed.log[2]["code"]) == (
        "/messages/2/tool_calls/0/function/arguments",
        "FT224",
    )
    assert (fixed.log[3]["before"], fixed.log[3]["after"]) == ("1.0", "1")


@pytest.mark.parametrize(
    ("weight", "after"), [("true", 1), ("false", None), ("0.0", None), ("0.5", None), ('"1"', None)]
)
def test_weights(weight: str, after: int | None, tmp_path: Path) -> None:
    reply = {"role": "assistant", "content": "first", "weight": 1}
    text = row(1).replace('"yes"}', f'"yes", "weight": {weight}}}, {json.dumps(reply)}')
    fixed = run(text, tmp_path)
    found = [json.loads(line)["messages"][1]["weight"] for line in fixed.lines]
    assert found == {"true": [1], "false": [0], "0.0": [0]}.get(weight, [])
    assert all(type(weight) is int for weight in found)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ('"n": 1, "n": 1', None),
        ('"n": {"a": [1]}, "n": {"a":[1]}', None),
        ('"n": 1, "n": 1.0', "FT109"),
        ('"n": true, "n": 1', "FT109"),
    ],
)
def test_keys_that_stand_twice(extra: str, code: str | None, tmp_path: Path) -> None:
    text = row(1).replace('"yes"', '"yes", "name": "User"')[:-1] + f', "metadata": {{{extra}}}}}'
    fixed = run(text.replace('"user"', '"User"'), tmp_path)
    if code is None:
        assert fixed.lines[0].count('"n":') == 1 and (1, "equal-key-dropped") in fixed.changes
    else:  # which one counts is not known: nothing at all is changed in the row
        assert code in [r["code"] for r in fixed.rejected[0]["reasons"]] and fixed.changes == [
            (1, "last-line-end-added")
        ]


def test_messages_as_a_text(tmp_path: Path) -> None:
    messages = json.loads(row(1))["messages"]
    fixed = run(json.dumps({"messages": json.dumps(messages)}) + '\n{"messages": "[1]"}\n', tmp_path)
    assert json.loads(fixed.lines[0]) == {"messages": messages} and fixed.report.rejected == 1


@pytest.mark.parametrize(
    "line",
    [
        row(1).replace('"yes"', '"yes", "weight": NaN'),
        row(1).replace("yes", "\\ud83d"),
        row(1).replace("yes", "a\0b"),
        row(1).replace("user", "human"),
        '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}',
        row(1).replace('"user"', '"user", "name": "Ann Lee"'),
        row(1)[:-2] + ', {"role": "user", "content": "?"}]}',
        "5",
        "[]",
        "text",
        "{}",
    ],
)
def test_what_a_person_must_decide_is_rejected_as_it_stands(line: str, tmp_path: Path) -> None:
    fixed = run(line + "\n", tmp_path)
    assert fixed.lines == [] and fixed.log == [] and fixed.rejected[0]["raw"] == line
    assert [r for r in fixed.rejected[0]["reasons"] if r["severity"] == "error"] and not fixed.report.ok


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    line = row(1).encode().replace(b"yes", b"caf\xe9")
    fixed = run(line + b"\n", tmp_path)
    assert base64.b64decode(fixed.rejected[0]["raw_base64"]) == line
    assert fixed.rejected[0]["reasons"][0]["code"] == "FT101"


def test_a_line_that_is_too_long_is_told_with_its_size(tmp_path: Path) -> None:
    long = row(1).replace("yes", "x" * 5000)
    for data in (f"{long}\n{row(2)}\n", f"[{long},\n{row(2)}]"):
        fixed = run(data, tmp_path, options={"max_line_bytes": 1000})
        assert fixed.lines == [row(2)] and fixed.report.rejected == 1
        told = fixed.rejected[0]
        assert (told["bytes"], told["truncated"]) == (len(long.encode()), True) and long.startswith(
            told["raw"]
        )


def test_renamed_only_when_asked(tmp_path: Path) -> None:
    share = {"id": 1, "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    with_system = {"system": "s", **share}
    data = (
        "".join(json.dumps(r) + "\n" for r in (share, with_system)) + row(1).replace("user", "Human") + "\n"
    )
    assert run(data, tmp_path).report.accepted == 0
    fixed = run(data, tmp_path, aliases=True)
    wanted = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert json.loads(fixed.lines[0]) == {"id": 1, "messages": wanted}
    assert json.loads(fixed.lines[1]) == json.loads(row(1))
    assert json.loads(fixed.rejected[0]["raw"]) == with_system
    assert {"conversation-renamed", "keys-renamed", "role-renamed"} == fixed.report.changes.keys()


def test_legacy_functions_become_tools(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    answer = {"role": "function", "name": "f", "content": "1"}
    asked, done = {"role": "user", "content": "?"}, {"role": "assistant", "content": "1"}
    functions = [{"name": "f", "parameters": {"type": "object", "properties": {}}}]
    data = {"messages": [asked, call, answer, call, answer, done], "functions": functions}
    made = json.loads(run(json.dumps(data), tmp_path, aliases=True).lines[0])
    assert made["tools"] == [{"type": "function", "function": functions[0]}] and "functions" not in made
    assert [m["tool_calls"][0]["id"] for m in made["messages"] if "tool_calls" in m] == ["call_0", "call_1"]
    assert [m["tool_call_id"] for m in made["messages"] if m["role"] == "tool"] == ["call_0", "call_1"]
    for odd in ([asked, answer, done], [asked, call, done], [asked, call, {**answer, "name": "g"}, done]):
        fixed = run(json.dumps({**data, "messages": odd}), tmp_path, aliases=True)
        assert "functions-made-tools" not in fixed.report.changes


def test_duplicates_are_dropped_only_when_asked(tmp_path: Path) -> None:
    data = f"{row(1)}\n{row(2)}\n {row(1)} \n"
    assert run(data, tmp_path).report.accepted == 3
    fixed = run(data, tmp_path, drop_duplicates=True)
    assert fixed.lines == [row(1), row(2)] and fixed.report.duplicates == 1
    assert "line 1" in fixed.rejected[0]["reasons"][0]["message"] and fixed.rejected[0]["line"] == 3


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        ("required", "", "\ufeff"),
        ("required", "\ufeff", "\ufeff"),
        ("accepted", "\ufeff", "\ufeff"),
        ("accepted", "", ""),
        ("refused", "\ufeff", ""),
    ],
)
def test_the_mark_is_as_the_platform_wants_it(wanted: str, before: str, after: str, tmp_path: Path) -> None:
    own = {"own": {"limits": {"min_examples": None}, "dialect": {"training_file_bom": wanted}}}
    settings = Settings(platform="own", providers=own)
    fixed = run(f"{before}{row(1)}\n", tmp_path, settings=settings)
    assert fixed.text.decode() == f"{after}{row(1)}\n" and fixed.report.ok
    assert bool(fixed.log) == (before != after)
    assert validate(fixed.report.fixed.path, settings=settings).ok


def test_a_table_becomes_lines(tmp_path: Path) -> None:
    template = {"user": "{text}", "assistant": "{label}"}
    fixed = run("text,label\na,yes\nb,\nc,no\n", tmp_path, name="data.csv", options={"template": template})
    assert [json.loads(line)["messages"][0]["content"] for line in fixed.lines] == ["a", "c"]
    assert (
        fixed.rejected[0]["data"] == {"text": "b", "label": None}
        and fixed.rejected[0]["reasons"][0]["code"] == "FT120"
    )
    lines = run('{"text": "a", "label": "yes",}\n{"text": 5}\n', tmp_path, options={"template": template})
    assert lines.changes == [(1, "trailing-comma-removed")] and lines.rejected[0]["raw"] == '{"text": 5}'


def test_rows_from_memory(tmp_path: Path) -> None:
    rows = [json.loads(row(1).replace("user", "User")), {"messages": []}, {"messages": [{"role": {1}}]}]
    with pytest.raises(UsageError, match="say where"):
        fix(rows, settings=SETTINGS)
    fixed = Fixed(fix(rows, tmp_path / "out.jsonl", settings=SETTINGS))
    assert [json.loads(line) for line in fixed.lines] == [json.loads(row(1))]
    assert fixed.changes == [(1, "role-made-plain")] and [r["line"] for r in fixed.rejected] == [2, 3]
    assert fixed.rejected[0]["data"] == {"messages": []}


def test_the_first_rows_only(tmp_path: Path) -> None:
    fixed = run(f"{row(1)},\n\n{row(2)}\n{row(3)}\n", tmp_path, options={"source": {"limit": 2}})
    assert fixed.lines[1:] == [row(2)] and fixed.report.read == 2
    assert fixed.report.changes == {"blank-line-dropped": 1, "trailing-comma-removed": 1}


def test_packed_and_damaged_sources(tmp_path: Path) -> None:
    data = gzip.compress(f"{row(1)}\r\n{row(2)}\r\n".encode(), mtime=0)
    fixed = run(data, tmp_path, name="data.jsonl.gz")
    assert fixed.lines == [row(1), row(2)] and fixed.report.fixed.path.name == "data.fixed.jsonl"
    cut = run(data[:-12], tmp_path, name="data.jsonl.gz")
    assert not cut.report.ok and "FT114" in cut.report.validation.counts


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source, link = tmp_path / "data.jsonl", tmp_path / "link.jsonl"
    source.write_text(row(1) + ",\n")
    link.hardlink_to(source)
    for given in ({"out": source}, {"out": link}, {"rejected": source}, {"log": link}):
        with pytest.raises(UsageError, match="never overwritten"):
            fix(source, settings=SETTINGS, **given)  # type: ignore[arg-type]
    for given in (
        {"out": tmp_path / "x", "log": tmp_path / "x"},
        {"out": tmp_path},
        {"out": tmp_path / "a.jsonl.gz"},
    ):
        with pytest.raises(UsageError):
            fix(source, settings=SETTINGS, **given)  # type: ignore[arg-type]
    assert source.read_text() == row(1) + ",\n" and sorted(p.name for p in tmp_path.iterdir()) == [
        "data.jsonl",
        "link.jsonl",
    ]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    old = tmp_path / "out.jsonl"
    old.write_text("old")
    (tmp_path / "data.jsonl").write_text(row(1) + "\n")
    with pytest.raises(StorageError):
        fix(tmp_path / "data.jsonl", old, rejected="/dev/full/x.jsonl", settings=SETTINGS)
    assert old.read_text() == "old" and sorted(p.name for p in tmp_path.iterdir()) == [
        "data.jsonl",
        "out.jsonl",
    ]


def test_a_rule_that_stops_everything_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\na,b\n")
    with pytest.raises(UsageError):
        fix(tmp_path / "data.csv", settings=SETTINGS, options=ValidateOptions(template={"user": "{x}"}))  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


def test_separate_changes_nothing(tmp_path: Path) -> None:
    good, bad = f" {row(1)}", row(2) + ","
    (tmp_path / "data.jsonl").write_bytes(f"{good}\r\n\r\n{bad}\r\n".encode())
    report = separate(
        tmp_path / "data.jsonl", accepted=tmp_path / "a", rejected=tmp_path / "r", settings=SETTINGS
    )
    plain = validate(tmp_path / "data.jsonl", settings=SETTINGS)
    assert report.model_dump(exclude={"glance"}) == plain.model_dump(exclude={"glance"})
    assert (tmp_path / "a").read_text() == good + "\n"
    assert [json.loads(line)["raw"] for line in (tmp_path / "r").read_text().splitlines()] == [bad]


def test_every_mend_names_rules_that_exist() -> None:
    codes = {rule.code for rule in (*load_rules().rules, *tools.RULES)}
    assert {code for mend in MENDS for code in mend.codes} <= codes
    assert [mend.name for mend in mends_of("FT207")] == ["role-made-plain"] and mends_of("FT203") == ()
