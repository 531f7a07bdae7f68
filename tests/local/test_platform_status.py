"""``/status`` and the page's own files over HTTP: what they tell, to whom, and what they cost."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_platform import batch_bytes, training_bytes
from protocol_platform import Platform, refused

from ftkit.local.page import page_files
from ftkit.local.store.overview import CURVES, LARGE_CURVE, SHOWN, SMALL_CURVE, Overview


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a finished job, a failed one, a waiting one, and two batches."""
    with Platform(tmp_path_factory.mktemp("busy")) as running:
        held_out = running.upload(training_bytes(12), "fine-tune")
        running.tuned(training_bytes(40), suffix="fruit", validation_file=held_out)
        running.job(training_bytes(3))
        running.batch(batch_bytes("linear", ["a or b?"] * 7))
        running.work()
        running.job(suffix="waits")
        running.batch()
        yield running


def test_the_status_tells_of_everything(busy: Platform) -> None:
    found = busy.ask("GET", "/status").json
    assert found["object"] == "ftkit.status" and found["queue"] == {"open": 2, "waiting": 2}
    waiting, failed, done = found["jobs"]["data"]
    assert [job["status"] for job in (waiting, failed, done)] == ["validating_files", "failed", "succeeded"]
    assert (waiting["suffix"], waiting["step"], waiting["curve"]["step"]) == ("waits", None, [])
    assert failed["error"]["code"] == "invalid_n_examples"
    assert done["step"] == done["total_steps"] == done["curve"]["step"][-1]
    lengths = {len(values) for values in done["curve"].values()}
    assert len(lengths) == 1 and any(loss is not None for loss in done["curve"]["valid_loss"])
    assert [batch["request_counts"]["completed"] for batch in found["batches"]["data"]] == [0, 7]
    assert found["batches"]["data"][1]["usage"]["total_tokens"] > 0
    assert found["files"]["total"] == len(found["files"]["data"]) == 8
    tuned, own = found["models"]["data"]
    assert (tuned["id"], tuned["job_id"]) == (done["fine_tuned_model"], done["id"])
    assert (
        own["id"] == "linear" and "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo" in found["models"]["stand_ins"]
    )


def test_one_jobs_status(busy: Platform) -> None:
    done = busy.ask("GET", "/status").json["jobs"]["data"][2]
    found = busy.ask("GET", f"/status/jobs/{done['id']}").json
    assert found["job"] == busy.ask("GET", f"/v1/fine_tuning/jobs/{done['id']}").json
    assert found["checkpoints"][0]["fine_tuning_job_id"] == done["id"]
    assert found["events"][0]["message"] == "The job has successfully completed"
    assert found["curve"] == done["curve"], "so few steps are all there"
    refused(busy.ask("GET", "/status/jobs/none"), 404, "not_found", "id")


def test_no_content_is_in_the_status(busy: Platform) -> None:
    done = busy.ask("GET", "/status").json["jobs"]["data"][2]
    for path in ("/status", f"/status/jobs/{done['id']}"):
        said = busy.ask("GET", path).body
        assert b"citrus" not in said and b"a or b?" not in said and str(busy.root).encode() not in said


@pytest.mark.parametrize("path", ["/status", "/", "/page/app.js"])
def test_what_has_not_changed_is_not_sent_again(busy: Platform, path: str) -> None:
    first = busy.ask("GET", path)
    assert re.fullmatch(r'"[0-9a-f]{32}"', first.headers["etag"])
    assert first.headers["cache-control"] == "no-cache"
    again = busy.ask("GET", path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"") and again.headers["etag"] == first.headers["etag"]
    assert busy.ask("GET", path, headers={"if-none-match": '"another"'}).body == first.body


def test_the_tag_changes_with_the_state(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        before = platform.ask("GET", "/status").headers["etag"]
        platform.upload(b"{}")
        assert platform.ask("GET", "/status").headers["etag"] != before


def test_the_page_is_there_without_a_key_and_the_status_is_not(tmp_path: Path) -> None:
    with Platform(tmp_path, ("the key of the house",)) as platform:
        page = platform.ask("GET", "/")
        assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
        for path in ("/status", "/status/jobs/x"):
            refused(platform.ask("GET", path), 401, "invalid_api_key")
        found = platform.ask("GET", "/status", headers={"authorization": "Bearer the key of the house"})
        assert found.json["jobs"] == {"total": 0, "data": []}


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(busy: Platform) -> None:
    policy = busy.ask("GET", "/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    for name, file in page_files().items():
        answer = busy.ask("GET", f"/page/{name}")
        assert (answer.body, answer.headers["content-type"]) == (file.data, file.media_type)
        assert answer.headers["content-security-policy"] == policy
        text = file.data.decode()
        addresses = set(re.findall(r"https?://[^\s\"')]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
        assert "innerHTML" not in text and "eval(" not in text and "@import" not in text
        assert not re.search(r"<script>|<style|\son[a-z]+=|style=", text), name


def test_the_page_is_small() -> None:
    """All of it is less than one photograph: a first look needs no more than this."""
    assert sum(len(file.data) for file in page_files().values()) < 40_000


@pytest.mark.parametrize(
    "path", ["/page/none", "/page/__init__.py", "/page/app.js/x", "/page/", "/index.html"]
)
def test_other_names_are_no_page(busy: Platform, path: str) -> None:
    refused(busy.ask("GET", path), 404, "unknown_url")


def _steps(platform: Platform, job: str, count: int, every_valid: int) -> None:
    rows = [
        (job, n, math.exp(-n / count), 0.5, 0.7 if n % every_valid == 0 else None, None)
        for n in range(1, count + 1)
    ]
    with platform.context.state.db.write() as connection:
        connection.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)", rows)


@pytest.mark.parametrize(("count", "every_valid"), [(1, 1), (59, 7), (61, 60), (10_000, 100), (10_000, 1)])
def test_a_long_curve_is_thinned_evenly(tmp_path: Path, count: int, every_valid: int) -> None:
    with Platform(tmp_path) as platform:
        job = platform.job()["id"]
        _steps(platform, job, count, every_valid)
        overview = Overview(platform.context.state.db)
        for points in (SMALL_CURVE, LARGE_CURVE):
            curve = overview.curve(job, points)
            steps = curve["step"]
            assert steps == sorted(set(steps)) and steps[0] == 1 and steps[-1] == count
            assert len(steps) <= 2 * points + 1
            if count <= points:
                assert steps == list(range(1, count + 1))
            gaps = [(b or 0) - (a or 0) for a, b in itertools.pairwise(steps)]
            assert max(gaps, default=1) <= -(-count // points)
            shown = sum(loss is not None for loss in curve["valid_loss"])
            assert shown >= min(count // every_valid, points // 2)


def test_the_status_stays_small_on_a_platform_with_a_long_history(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        for _ in range(SHOWN + 5):
            job = platform.job()["id"]
        _steps(platform, job, 10_000, 10)
        found = platform.ask("GET", "/status")
        assert found.json["jobs"]["total"] == SHOWN + 5 and len(found.json["jobs"]["data"]) == SHOWN
        assert sum(job["curve"] is not None for job in found.json["jobs"]["data"]) == CURVES
        assert len(found.body) < 60_000
