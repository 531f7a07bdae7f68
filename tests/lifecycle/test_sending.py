"""Uploads that are validated first: nothing faulty leaves, a split goes as a whole, and each file once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import UsageError, ValidationFailed
from ftkit.gateway import Platform, connect
from ftkit.lifecycle.sending import plan_upload, upload
from ftkit.settings import Settings
from ftkit.splitting import split


def row(number: int, reply: str | None = None) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Is {number} even?"}]
    messages.append({"role": "assistant", "content": reply or ("yes", "no")[number % 2]})
    return {"messages": messages}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.jsonl", [row(n) for n in range(40)])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write(tmp_path / "bad.jsonl", [*(row(n) for n in range(40)), {"messages": []}])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(state_dir=tmp_path_factory.mktemp("sending"), max_retries=1)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with connect("local", settings=settings) as made:
        yield made
        made.stop_local()


def test_a_faulty_file_is_refused_before_anything_is_asked(bad: Path, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "s")
    with pytest.raises(ValidationFailed, match="has not passed validation for OpenAI") as refused:
        plan_upload(settings, bad, provider=settings.catalog.provider("openai"))
    assert str(refused.value.where).startswith(f"{bad}:41")
    assert "--no-validate" in str(refused.value.hint)
    assert not (tmp_path / "s" / "local").exists(), "no platform was started for it"


def test_what_is_told_to_go_goes(platform: Platform, bad: Path) -> None:
    with pytest.raises(ValidationFailed):
        upload(platform, bad)
    assert list(platform.files.list()) == []
    [info] = upload(platform, bad, validate=False)
    assert info.bytes == bad.stat().st_size
    platform.files.delete(info.id)


def test_requests_of_a_batch_are_not_taken_for_examples(platform: Platform, tmp_path: Path) -> None:
    path = write(tmp_path / "requests.jsonl", [{"custom_id": "1", "body": {}}])
    assert upload(platform, path, "batch")[0].purpose == "batch"


def test_a_file_is_checked_once_and_sent_once(platform: Platform, settings: Settings, good: Path) -> None:
    first = plan_upload(settings, good)
    [sent] = first.carry_out(platform)
    again = plan_upload(settings, good)
    assert (first.passed[0].remembered, again.passed[0].remembered) == (False, True)
    assert first.passed[0].rows == 40
    assert again.carry_out(platform) == [sent]
    [other] = again.carry_out(platform, again=True, wait=False, parts=True)
    assert other.id != sent.id and other.bytes == sent.bytes


def test_a_split_goes_as_its_two_parts(platform: Platform, tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl", [row(n) for n in range(80)])
    split(path, train=0.8, validation=0.2, out=tmp_path / "parts", seed=1)
    train, validation = upload(platform, tmp_path / "parts")
    assert (train.filename or "").startswith("train-") and (validation.filename or "").startswith(
        "validation-"
    )


def test_a_short_validation_file_is_no_short_training_file(platform: Platform, tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl", [row(n) for n in range(30)])
    split(path, train=26, validation=4, out=tmp_path / "parts", seed=1)
    assert len(upload(platform, tmp_path / "parts")) == 2
    with pytest.raises(ValidationFailed, match="FT112"):
        upload(platform, tmp_path / "parts" / "validation.jsonl")


def test_the_limits_of_a_model_hold_too(settings: Settings, tmp_path: Path) -> None:
    long = write(tmp_path / "long.jsonl", [*(row(n) for n in range(20)), row(1, "no " * 33_000)])
    plan_upload(settings, long)
    with pytest.raises(ValidationFailed):
        plan_upload(settings, long, model="linear")


def test_a_file_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not there"):
        plan_upload(settings, tmp_path / "none.jsonl")
