"""What there is on a platform: last days by the catalog's families, last uses, models without a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from canned_platform import Canned
from conftest import rows, write
from hosted import DAY, OPENAI_JOB, TUNED, page, serve_openai

from ftkit.catalog import builtin_catalog
from ftkit.gateway import Platform
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.listing import base_of, entry_of

To = Callable[..., Platform]


@pytest.mark.parametrize(
    ("tuned", "base", "end", "source"),
    [
        ("ft:gpt-4o-2024-08-06:acme::zz99", "gpt-4o-2024-08-06", date(2027, 1, 14), "catalog"),
        ("ft:gpt-4o-2024-05-13:acme::zz99", "gpt-4o-2024-05-13", date(2026, 10, 23), "catalog"),
        ("ft:gpt-4o-mini-2024-07-18:acme:a-b:zz", "gpt-4o-mini-2024-07-18", date(2027, 1, 14), "catalog"),
        ("ft:gpt-4.1-nano-2025-04-14:acme::zz", "gpt-4.1-nano-2025-04-14", date(2026, 10, 23), "catalog"),
        ("ft:gpt-3.5-turbo-0125:acme::zz", "gpt-3.5-turbo-0125", date(2026, 10, 23), "catalog"),
        ("ft:gpt-3.5-turbo-1106:acme::zz", "gpt-3.5-turbo-1106", date(2026, 10, 23), "family"),
        ("ft:gpt-4o-mini-2-beta:acme::zz", "gpt-4o-mini-2-beta", date(2027, 1, 14), "family"),
        ("ft:babbage-002:acme::zz", None, None, None),
    ],
)
def test_a_models_last_day_is_that_of_its_base_or_family(
    canned: Canned, to_canned: To, tuned: str, base: str | None, end: date | None, source: str | None
) -> None:
    serve_openai(canned)
    canned.answer("GET", "/fine_tuning/jobs", page())
    canned.answer("GET", "/models", page({"id": tuned, "object": "model"}))
    [model] = migration.inventory(to_canned("openai"), today=DAY).models
    assert (model.base, model.shutdown, model.shutdown_source) == (base, end, source)
    assert model.days_left == ((end - DAY).days if end is not None else None)
    doubts = [note for note in model.notes if "its family, and may be another" in note]
    assert len(doubts) == (source == "family")


@pytest.mark.parametrize(
    ("platform", "base", "family"),
    [
        ("openai", "gpt-4o-mini-2031", "gpt-4o-mini"),  # not gpt-4o
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "gpt-4omega", None),
        ("openai", "gpt-4o-realtime", None),  # another model, no snapshot
        (
            "kluster",
            "klusterai/Meta-Llama-3.3-70B-Instruct-Turbo",
            "klusterai/Meta-Llama-3.3-70B-Instruct-Turbo",
        ),
        ("nebius", "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct"),  # an alias
        ("nebius", "gpt-4o", None),  # a name of another provider's says nothing
    ],
)
def test_families(platform: str, base: str, family: str | None) -> None:
    entry, _ = entry_of(builtin_catalog(), platform, base)
    assert (entry.id if entry is not None else None) == family


@pytest.mark.parametrize(
    ("platform", "tuned", "base"),
    [
        ("openai", "ft:gpt-4.1-2025-04-14:acme::x:ckpt-step-9", "gpt-4.1-2025-04-14"),
        ("kluster", "ft:meta-llama:Llama-3.1-8B-Instruct:67ae", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"),
        (
            "nebius",
            "meta-llama/Meta-Llama-3.1-8B-Instruct-LoRa:news-ab",
            "meta-llama/Meta-Llama-3.1-8B-Instruct",
        ),
        ("nebius", "ft:nobody:knows:this", None),
    ],
)
def test_the_base_that_a_tuned_models_id_tells(platform: str, tuned: str, base: str | None) -> None:
    assert base_of(builtin_catalog(), platform, tuned) == base


def test_the_one_that_ends_first_is_at_the_top_and_the_endless_last(canned: Canned, to_canned: To) -> None:
    names = ["ft:babbage-002:a::1", "ft:gpt-4.1-mini-2025-04-14:a::2", "ft:gpt-4o-2024-05-13:a::3"]
    newer = {"id": "ft:gpt-4.1-2025-04-14:a::4", "object": "model", "created": 1750000000}
    serve_openai(canned)
    canned.answer("GET", "/fine_tuning/jobs", page())
    canned.answer("GET", "/models", page(*({"id": n, "object": "model", "created": 1} for n in names), newer))
    found = migration.inventory(to_canned("openai"), today=DAY)
    assert [model.name[-1] for model in found.models] == ["3", "4", "2", "1"]
    assert [model.days_left for model in found.models] == [-29, 54, 54, None]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        ("2026-12-01T00:00:00Z", date(2026, 12, 1)),
        (1796083200, date(2026, 12, 1)),
        (None, date(2027, 1, 14)),
        ("some day", date(2027, 1, 14)),
    ],
)
def test_the_platform_may_tell_a_last_day_in_several_forms(
    canned: Canned, to_canned: To, told: Any, expected: date
) -> None:
    serve_openai(canned)
    base = {"id": OPENAI_JOB["model"], "object": "model", "shutdown_date": told}
    canned.answer("GET", "/models", page(base, {"id": TUNED, "object": "model"}))
    [model] = migration.inventory(to_canned("openai"), today=DAY).models
    assert model.shutdown == expected
    assert model.shutdown_source == ("catalog" if expected == date(2027, 1, 14) else "platform")


def test_an_answer_that_is_kept_here_is_a_use(canned: Canned, to_canned: To, folder: Any) -> None:
    serve_openai(canned)
    platform = to_canned("openai")
    migration.export(platform, folder, [TUNED])
    golden = write(folder / "golden.jsonl", rows(200, 3))
    begun = time.time()
    migration.record(platform, folder, golden=golden, via="realtime", logprobs=False)
    [model] = migration.inventory(platform).models
    assert model.last_used is not None
    assert model.last_used >= datetime.fromtimestamp(int(begun) - 1, UTC)
    assert model.last_used_by == "an answer that is kept here"


def test_a_platform_that_has_closed_says_so_without_a_day(canned: Canned, to_canned: To) -> None:
    canned.answer("GET", "/fine_tuning/jobs", {"data": [], "count": 0})
    canned.answer("GET", "/models", [])
    canned.answer("GET", "/files", {"data": []})
    canned.answer("GET", "/batches", {"data": []})
    found = migration.inventory(to_canned("kluster"), today=DAY)
    assert found.models == ()
    assert "has closed" in str(found.notice)


def test_a_long_list_of_jobs_is_read_to_its_end(canned: Canned, to_canned: To) -> None:
    serve_openai(canned)
    jobs = [{**OPENAI_JOB, "id": f"ftjob-{n}", "fine_tuned_model": f"{TUNED}{n}"} for n in range(5)]

    def pages(asked: Any) -> Any:
        after = asked.query.get("after")
        begin = 0 if after is None else [job["id"] for job in jobs].index(after) + 1
        return {"object": "list", "data": jobs[begin : begin + 2], "has_more": begin + 2 < len(jobs)}

    canned.answer("GET", "/fine_tuning/jobs", pages)
    found = migration.inventory(to_canned("openai"), today=DAY)
    assert {model.job for model in found.models if model.job} == {job["id"] for job in jobs}


def test_a_succeeded_job_whose_model_is_listed_no_more_lives_no_more(canned: Canned, to_canned: To) -> None:
    serve_openai(canned)
    canned.answer("GET", "/models", page({"id": OPENAI_JOB["model"], "object": "model"}))
    [model] = migration.inventory(to_canned("openai"), today=DAY).models
    assert model.alive is False
    assert model.checkpoints == ()
