"""The gate: what has errors does not go to a platform, what has passed is not looked at again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import UsageError, ValidationFailed
from ftkit.ledger import open_ledger
from ftkit.lifecycle.gate import Gate, Passed, check_for, counted_as
from ftkit.settings import Settings


def chat(n: int, reply: str = "yes") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": reply}]
    }


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.jsonl", [chat(n) for n in range(12)])


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    rows: list[Any] = [chat(n) for n in range(12)]
    rows[3] = {"messages": [{"role": "user", "content": "no answer"}]}
    return write(tmp_path / "faulty.jsonl", rows)


def settings(**given: Any) -> Settings:
    return Settings(state_dir=Path("gate-state"), **given)


def check(path: Path, platform: str = "local", **given: Any) -> Passed:
    return check_for(platform, path, settings=given.pop("settings", settings()), **given)


class Counting(SilentDisplay):
    """Counts how often something was validated."""

    def __init__(self) -> None:
        self.works: list[str] = []

    def work(self, title: str, total: float | None = None, unit: str = "") -> Any:
        self.works.append(title)
        return super().work(title, total, unit)


def test_a_file_that_passes_tells_its_rows_and_tokens(good: Path) -> None:
    passed = check(good, model="linear")
    assert (passed.rows, passed.tokens, passed.remembered) == (12, 12 * 3, False)
    assert passed.uncounted is None and len(passed.sha256) == 64


def test_a_pass_is_remembered_by_content_and_costs_nothing_a_second_time(good: Path, tmp_path: Path) -> None:
    display = Counting()
    first = check(good, model="linear", display=display)
    copy = tmp_path / "elsewhere" / "copy.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(good.read_bytes())
    second = check(copy, model="linear", display=display)
    assert second == first.model_copy(update={"remembered": True, "path": copy})
    assert len(display.works) == 1
    write(copy, [chat(n) for n in range(13)])
    assert check(copy, model="linear", display=display).rows == 13
    assert len(display.works) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"platform": "openai", "model": "gpt-4.1"},
        {"model": None},
        {"method": "sft"},
        {"part": "validation"},
        {"settings": settings(validation={"severity": {"FT215": "warning"}})},
        {"settings": settings(providers={"local": {"limits": {"min_examples": 11}}})},
        {"settings": settings(models={"linear": {"provider": "local", "limits": {"training_context": 99}}})},
    ],
    ids=["platform", "model", "method", "part", "severity", "limit", "context"],
)
def test_a_pass_holds_only_for_what_was_asked(
    good: Path, other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(good, model="linear")
    platform = other.pop("platform", "local")
    if platform == "openai":
        other["model"] = "no-such-model"  # needs no vocabulary
    assert not check(good, platform, **{"model": "linear", **other}).remembered


def test_a_file_with_errors_is_refused_with_the_command_that_shows_them(faulty: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        check(faulty, model="linear")
    error = caught.value
    assert "has not passed validation for ftkit's local platform: 1 error; the first: FT" in error.message
    assert str(error.where) == f"{faulty}:4:1" or str(error.where).startswith(f"{faulty}:4")
    assert error.hint is not None
    assert error.hint.startswith(f"Every finding: ftkit validate {faulty} --model linear\n")
    assert "--no-validate" in error.hint
    assert error.exit_code == 1
    with pytest.raises(ValidationFailed):  # a refusal is not remembered
        check(faulty, model="linear")


def test_the_platform_is_named_in_the_command(faulty: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        check(faulty, "kluster")
    assert f"ftkit validate {faulty} --platform kluster\n" in str(caught.value.hint)


def test_what_is_let_through_by_name_is_counted_and_not_remembered(faulty: Path) -> None:
    config = settings()
    gate = Gate(config, config.catalog.provider("local"), open_ledger(config), model="linear")
    passed = gate.count(faulty)
    assert (passed.rows, passed.tokens) == (11, 33)
    with pytest.raises(ValidationFailed):
        gate.check(faulty)


def test_a_validation_file_may_have_few_examples_and_a_training_file_not(tmp_path: Path) -> None:
    few = write(tmp_path / "few.jsonl", [chat(n) for n in range(4)])
    held_out = check(few, part="validation", model="linear")
    assert (held_out.rows, held_out.tokens) == (4, None)
    assert held_out.uncounted == "a validation file is not trained on"
    with pytest.raises(ValidationFailed, match="FT112"):
        check(few)


def test_quality_does_not_keep_a_file_back_even_where_it_is_an_error_elsewhere(tmp_path: Path) -> None:
    same = write(tmp_path / "same.jsonl", [chat(1)] * 20)
    strict = settings(validation={"severity": {"FT501": "error", "FT502": "error"}})
    assert check(same, settings=strict).rows == 20


def test_a_severity_of_the_settings_holds_at_the_gate(good: Path) -> None:
    rows = [{**chat(n), "unknown": 1} for n in range(12)]
    path = write(good.parent / "extra.jsonl", rows)
    from ftkit.validation import validate

    report = validate(path, platform="local")
    code = next(finding.code for finding in report.findings)
    levels = {"warning": 12, "error": None}
    for level, expected in levels.items():
        config = settings(validation={"severity": {code: level}})
        if expected is None:
            with pytest.raises(ValidationFailed, match=code):
                check(path, settings=config)
        else:
            assert check(path, settings=config).rows == expected


def test_a_method_s_rows_must_be_of_its_kind(good: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        check(good, model="linear", method="dpo")
    assert f"ftkit validate {good} --model linear --method dpo\n" in str(caught.value.hint)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, part: Any) -> None:
    with pytest.raises(UsageError, match=f"the {part} file is not there"):
        check(tmp_path / "none.jsonl", part=part)


def test_without_a_vocabulary_the_file_passes_uncounted(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "no-vocabularies"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    from ftkit.tokens import tokenizer

    for cached in vars(tokenizer).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    passed = check(good, "openai", model="gpt-4.1")
    assert passed.tokens is None and passed.rows == 12
    assert passed.uncounted is not None and "o200k_base" in passed.uncounted


def test_a_model_that_nobody_knows_is_not_counted(good: Path) -> None:
    passed = check(good, "custom", model="some/model")
    assert passed.tokens is None and passed.uncounted == "the model is not known"


def test_a_local_stand_in_is_counted_as_the_local_engine_counts(good: Path) -> None:
    config = settings()
    local = config.catalog.provider("local")
    hosted = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    entry = counted_as(config, local, hosted)
    assert entry is not None and (entry.provider, entry.tokenizer) == ("local", "words")
    assert check(good, "local", model=hosted).tokens == 36


def test_a_platform_without_models_of_its_own_counts_as_their_maker_does() -> None:
    config = settings()
    entry = counted_as(config, config.catalog.provider("custom"), "gpt-4.1")
    assert entry is not None and entry.provider == "openai"
    assert counted_as(config, config.catalog.provider("nebius"), "gpt-4.1") is None
