"""What a report says of the whole: tokens, models, labels, platform, caps, and its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import TokenizerMissing, UsageError, ValidationFailed
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

NARROW = {"provider": "local", "tokenizer": "words", "chat_template": "words"}
SETTINGS = Settings(
    models={
        "narrow": {**NARROW, "limits": {"training_context": 4}, "price": {"train": 3.0}},
        "wide": {**NARROW, "limits": {"training_context": 400}},
        "unknown": {"provider": "local"},
        "hosted": {"provider": "azure-like", "tokenizer": "words", "chat_template": "words"},
    },
    providers={
        "azure-like": {"dialect": {"training_file_bom": "required"}, "limits": {"min_examples": 2}},
        "easy": {"dialect": {"training_file_bom": "accepted"}},
    },
)


def row(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def write(path: Path, rows: list[Any], encoding: str = "utf-8") -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding)
    return path


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """Twelve rows of 2 to 13 words."""
    return write(tmp_path / "numbers.jsonl", [row(" ".join(["one"] * n), "yes") for n in range(1, 13)])


def test_models_are_counted_exactly(numbers: Path) -> None:
    report = validate(numbers, models=["narrow", "wide"], settings=SETTINGS)
    narrow, wide = report.fits
    assert narrow.total_tokens == wide.total_tokens == sum(range(2, 14)) == 90
    assert (narrow.p50, narrow.p95, narrow.max_tokens) == (7, 13, 13)
    assert (narrow.limit, narrow.over) == (4, 9) and (wide.limit, wide.over) == (400, 0)
    cut = 2 + 3 + 4 + 9 * 4  # a platform trains on a row up to its training context
    assert (narrow.billable_tokens, wide.billable_tokens) == (cut, 90)
    assert narrow.training_cost == pytest.approx(cut * 3 / 1e6) and wide.training_cost is None
    assert report.counts["FT301"] == 9
    assert (report.accepted, report.rejected, report.messages) == (3, 9, 24)
    assert report.tokens is not None and (report.tokens.total, report.tokens.mean) == (90, 7.5)
    first = next(f for f in report.findings if f.code == "FT301")
    assert first.line == 4 and "5 tokens, 1 over the training context of narrow (4)" in first.message


def test_a_model_without_known_tokenizer_is_not_guessed(numbers: Path) -> None:
    report = validate(numbers, models=["unknown"], settings=SETTINGS)
    assert report.fits == [] and report.tokens is None and report.ok
    assert report.notes == ["unknown: tokens not counted: unknown tokenizer"]


def test_a_missing_vocabulary_says_which_command_mends_it(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    settings = Settings(
        models={"big": {"provider": "local", "tokenizer": "llama3", "chat_template": "llama3"}}
    )
    with pytest.raises(TokenizerMissing) as caught:
        validate(numbers, models=["big"], settings=settings)
    assert "ftkit tokenizers" in str(caught.value.hint)


def test_an_unknown_model_or_platform_is_a_usage_error(numbers: Path) -> None:
    with pytest.raises(UsageError, match="no model 'narow'"):
        validate(numbers, models=["narow"], settings=SETTINGS)
    with pytest.raises(UsageError, match="no platform is called 'nowhere'"):
        validate(numbers, platform="nowhere", settings=SETTINGS)


def test_the_platform_is_the_named_one_then_the_models_own(numbers: Path) -> None:
    assert validate(numbers, settings=SETTINGS).platform == "local"
    assert validate(numbers, models=["hosted"], settings=SETTINGS).platform == "azure-like"
    assert validate(numbers, models=["hosted"], platform="easy", settings=SETTINGS).platform == "easy"
    assert validate(numbers, settings=Settings(platform="openai")).platform == "openai"


@pytest.mark.parametrize(
    ("platform", "encoding", "codes"),
    [
        ("local", "utf-8", []),
        ("local", "utf-8-sig", ["FT102"]),
        ("azure-like", "utf-8", ["FT102"]),
        ("azure-like", "utf-8-sig", []),
        ("easy", "utf-8", []),
        ("easy", "utf-8-sig", []),
    ],
)
def test_a_byte_order_mark_is_the_platforms_matter(
    tmp_path: Path, platform: str, encoding: str, codes: list[str]
) -> None:
    data = write(tmp_path / "data.jsonl", [row(f"{n}?", "yes") for n in range(10)], encoding)
    report = validate(data, platform=platform, settings=SETTINGS)
    assert list(report.counts) == codes
    assert report.rows == report.accepted == 10


def test_findings_are_capped_and_counted_honestly(tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [{"messages": []}] * 30 + [[]] * 5)
    report = validate(data, settings=SETTINGS, options=ValidateOptions(max_findings=4))
    assert report.counts == {"FT107": 5, "FT112": 1, "FT203": 30}
    shown = [f.code for f in report.findings]
    assert (shown.count("FT203"), shown.count("FT107")) == (4, 4)
    assert report.errors == 36 and report.rejected == 35


def test_a_finding_has_its_place(tmp_path: Path) -> None:
    odd = {"messages": [{"role": "user", "content": "Größe? 😀"}, {"role": "bot", "content": "ja"}]}
    data = write(tmp_path / "data.jsonl", [row("a", "b"), odd])
    finding = next(f for f in validate(data, settings=SETTINGS).findings if f.code == "FT206")
    text = data.read_text("utf-8").splitlines()[1]
    assert (finding.file, finding.line, finding.pointer) == (str(data), 2, "/messages/1/role")
    assert finding.column is not None and text[finding.column - 1 :].startswith('"bot"')
    assert finding.excerpt is not None
    mark = finding.excerpt.text[finding.excerpt.start :][: finding.excerpt.length]
    assert mark == '"bot"' and finding.hint == "Write 'assistant'."


def test_labels_are_counted_where_replies_are_labels(tmp_path: Path) -> None:
    few = [row(f"text {n}", "good" if n % 3 else "bad") for n in range(12)]
    assert validate(write(tmp_path / "few.jsonl", few)).labels == {"good": 8, "bad": 4}
    many = [row(f"text {n}", f"answer {n}") for n in range(12)]
    assert validate(write(tmp_path / "many.jsonl", many)).labels is None
    long = [row(f"text {n}", "word " * 40) for n in range(12)]
    assert validate(write(tmp_path / "long.jsonl", long)).labels is None


def test_allowed_labels(tmp_path: Path) -> None:
    data = write(
        tmp_path / "data.jsonl", [row("a", "good"), row("b", "Good."), row("c", "bd"), row("d", "x")]
    )
    report = validate(data, options=ValidateOptions(labels=("good", "bad")))
    hints = [f.hint for f in report.findings if f.code == "FT401"]
    assert hints == ["Write 'good'.", "Write 'bad'.", "Labels are: good, bad."]
    assert [f.message for f in report.findings if f.code == "FT402"] == [
        "no row has the label 'bad' as its reply"
    ]
    assert report.accepted == 1


def test_rules_can_be_left_out_by_code_or_name(tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [row("a", "b")] * 2)
    assert set(validate(data).counts) == {"FT112", "FT501"}
    assert validate(data, options=ValidateOptions(ignore=("ft112", "duplicate-example"))).ok
    with pytest.raises(UsageError, match="no rule is called 'duplicate'") as caught:
        validate(data, options=ValidateOptions(ignore=("duplicate",)))
    assert "duplicate-" in str(caught.value.hint)


def test_duplicates_name_the_first_line(tmp_path: Path) -> None:
    same = {"messages": [dict(reversed(m.items())) for m in row("a", "b")["messages"]]}
    data = write(tmp_path / "data.jsonl", [row("a", "b"), row("c", "d"), same])
    found = [f for f in validate(data).findings if f.code == "FT501"]
    assert [(f.line, f.message) for f in found] == [(3, "the same example as on line 1")]


def test_raise_if_failed(numbers: Path, tmp_path: Path) -> None:
    validate(numbers).raise_if_failed()
    bad = write(tmp_path / "bad.jsonl", [row("a", "b")] * 10 + [{"messages": []}])
    report = validate(bad)
    with pytest.raises(ValidationFailed, match="1 error, 1 of 11 rows are rejected") as caught:
        report.raise_if_failed()
    assert caught.value.report is report and caught.value.exit_code == 1
    assert str(caught.value.where) == f"{bad}:11:14" and "FT203" in caught.value.message


def test_json_round_trip(numbers: Path) -> None:
    report = validate(numbers, models=["narrow"], settings=SETTINGS)
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
    assert json.loads(report.model_dump_json())["ok"] is False


def test_a_held_out_file_that_is_not_there_is_said_before_anything_is_read(
    numbers: Path, tmp_path: Path
) -> None:
    options = ValidateOptions(held_out=(tmp_path / "none.jsonl",))
    with pytest.raises(UsageError, match="no such held-out file"):
        validate(numbers, settings=SETTINGS, options=options)
