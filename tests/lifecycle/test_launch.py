"""Launching: what is wrong is said before anything is sent, and what was launched is not launched again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import canned_platform
import pytest
from canned_platform import Asked, Canned

from ftkit.display import SilentDisplay
from ftkit.errors import NotOnPlatform, UsageError, ValidationFailed
from ftkit.gateway import Platform, connect
from ftkit.gateway.orders import JobOrder
from ftkit.lifecycle.launching import launch, plan_launch
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned
JOBS = "/fine_tuning/jobs"
Connected = Callable[..., Platform]


class Seen(SilentDisplay):
    """Keeps what was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str) -> None:
        self.told.append(text)


def rows(path: Path, count: int = 20, word: str = "") -> Path:
    examples = [
        {
            "messages": [
                {"role": "user", "content": f"question {n}{word}"},
                {"role": "assistant", "content": "yes"},
            ]
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(example) + "\n" for example in examples))
    return path


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return rows(tmp_path / "train.jsonl")


@pytest.fixture
def hosted(canned: Canned) -> Canned:
    """A platform that takes files and jobs."""
    files: list[dict[str, Any]] = []
    jobs: list[dict[str, Any]] = []

    def upload(asked: Asked) -> Any:
        name = re.search(rb'filename="([^"]+)"', asked.body)
        assert name is not None
        size = len(asked.body.split(b"\r\n\r\n", 2)[1].rsplit(b"\r\n--", 1)[0])
        made = {"id": f"file-{len(files)}", "filename": name[1].decode(), "purpose": "fine-tune"}
        files.append({**made, "bytes": size, "status": "processed", "created_at": int(time.time())})
        canned.answer("GET", f"/files/{made['id']}", files[-1])
        return files[-1]

    def create(asked: Asked) -> Any:
        made = {"id": f"job-{len(jobs)}", "status": "queued", "created_at": int(time.time())}
        jobs.append({**made, **asked.json})
        canned.answer("GET", f"{JOBS}/{made['id']}", jobs[-1])
        return jobs[-1]

    canned.answer("POST", "/files", upload)
    canned.answer("POST", JOBS, create)
    canned.answer("GET", "/files", lambda asked: {"data": files, "has_more": False})
    canned.answer("GET", JOBS, lambda asked: {"data": jobs, "has_more": False})
    return canned


PRICED = {"m": {"provider": "custom", "tokenizer": "words", "price": {"train": 1000.0}}}


@pytest.fixture
def connected(hosted: Canned, tmp_path: Path) -> Iterator[Connected]:
    """Connects to the hosted platform, where the model ``m`` costs $1,000 per million tokens."""
    opened: list[Platform] = []

    def make(display: Any = None, **given: Any) -> Platform:
        merged = {"models": PRICED, "max_retries": 0, "poll_seconds": 0.01, **given}
        settings = Settings(state_dir=tmp_path / "state", **merged)
        opened.append(
            connect("custom", settings=settings, base_url=hosted.address, api_key="k", display=display)
        )
        return opened[-1]

    yield make
    for platform in opened:
        platform.close()


def order(path: Path | str, **given: Any) -> JobOrder:
    method: Any = {"type": "supervised", "hyperparameters": {"n_epochs": given.pop("epochs", 1)}}
    return JobOrder(**{"model": "m", "training_file": str(path), "method": method, **given})


def sent(hosted: Canned) -> dict[str, Any]:
    """The order as the platform got it."""
    body: dict[str, Any] = next(a for a in reversed(hosted.asked) if a.path.endswith("/jobs")).json
    return body


def test_a_launch_uploads_and_creates_and_tells_what_it_costs(
    hosted: Canned, connected: Connected, training: Path, tmp_path: Path
) -> None:
    seen = Seen()
    held_out = rows(tmp_path / "held-out.jsonl", 3, "?")
    result = launch(connected(seen), order(training, validation_file=str(held_out), suffix="mine"))
    assert result.id == "job-0" and result.suffix == "mine"
    body = sent(hosted)
    assert (body["training_file"], body["validation_file"]) == ("file-0", "file-1")
    assert result.estimate.examples == 20 and result.estimate.dollars is not None
    tokens = result.estimate.tokens
    assert tokens and result.estimate.dollars.high == pytest.approx(tokens * 1000 / 1e6)
    assert any(text.startswith("the job trains on ") and "costs $0." in text for text in seen.told)


def test_the_result_is_a_job_with_its_estimate_in_json(connected: Connected, training: Path) -> None:
    found = json.loads(launch(connected(), order(training)).model_dump_json())
    assert found["id"] == "job-0" and found["estimate"]["model"] == "m" and "raw" not in found


def test_the_same_launch_again_sends_nothing(hosted: Canned, connected: Connected, training: Path) -> None:
    launch(connected(), order(training))
    before = hosted.paths("POST")
    seen = Seen()
    assert launch(connected(seen), order(training)).id == "job-0"
    assert hosted.paths("POST") == before == ["/files", JOBS]
    assert any("this job exists: job-0" in text for text in seen.told)
    assert launch(connected(), order(training), again=True).id == "job-1"
    assert hosted.paths("POST") == [*before, JOBS]


def test_what_has_errors_is_not_sent_unless_told(
    hosted: Canned, connected: Connected, training: Path
) -> None:
    with training.open("a") as file:
        file.write("{broken\n")
    with pytest.raises(ValidationFailed, match="has not passed validation for 127"):
        launch(connected(), order(training))
    assert hosted.asked == []
    assert launch(connected(), order(training), validate=False).id == "job-0"


@pytest.mark.parametrize("field", ["training_file", "validation_file"])
@pytest.mark.parametrize("name", ["none.jsonl", "folder/none", "./none"])
def test_a_file_that_is_not_there_is_said_before_a_platform_is_started(
    tmp_path: Path, training: Path, field: str, name: str
) -> None:
    settings = Settings(state_dir=tmp_path / "untouched")
    with pytest.raises(UsageError, match=f"the {field[:-5]} file is not there") as caught:
        plan_launch(settings, order(training, **{field: name}))
    assert caught.value.where == name
    assert not (tmp_path / "untouched").exists()


def test_a_plan_asks_nobody_and_says_everything(tmp_path: Path, training: Path) -> None:
    settings = Settings(state_dir=tmp_path / "untouched", models=PRICED, platform="custom")
    plan = plan_launch(settings, order(training, suffix="x"))
    assert plan.request["training_file"] == str(training) and plan.request["suffix"] == "x"
    assert plan.uploads == {"training": training} and plan.platform == "custom"
    assert plan.estimate.examples == 20
    assert json.loads(plan.model_dump_json())["estimate"]["tokens"] == plan.estimate.tokens


def test_a_job_above_its_price_is_refused_before_the_upload(
    hosted: Canned, connected: Connected, training: Path
) -> None:
    with pytest.raises(UsageError, match=r"which is more than \$0\.01"):
        launch(connected(), order(training, epochs=50), max_cost=0.01)
    assert hosted.paths("POST") == []
    assert launch(connected(), order(training, epochs=1), max_cost=50).id == "job-0"


def test_a_job_of_unknown_price_is_refused_where_a_price_is_the_limit(
    hosted: Canned, connected: Connected, training: Path
) -> None:
    platform = connected(models={})
    with pytest.raises(UsageError, match="is not known"):
        launch(platform, order(training), max_cost=5)
    assert hosted.paths("POST") == []
    assert launch(platform, order(training)).id == "job-0"


def test_without_validation_a_limit_is_kept_all_the_same(connected: Connected, training: Path) -> None:
    with training.open("a") as file:
        file.write("{broken\n")
    with pytest.raises(UsageError, match="which is more than"):
        launch(connected(), order(training, epochs=50), max_cost=0.01, validate=False)
    result = launch(connected(), order(training), max_cost=5, validate=False)
    assert result.estimate.tokens


def test_the_budget_holds_over_all_jobs(
    hosted: Canned, connected: Connected, training: Path, tmp_path: Path
) -> None:
    cost = plan_launch(connected().settings, order(training), provider=connected().provider).estimate.dollars
    assert cost is not None and cost.high
    platform = connected(budget=cost.high * 2.5)
    launch(platform, order(training, suffix="a"))
    launch(platform, order(training, suffix="b"))
    with pytest.raises(UsageError, match="does not hold this job"):
        launch(platform, order(training, suffix="c"))
    with pytest.raises(UsageError, match="does not hold this job"):
        launch(platform, order(training, suffix="a"), again=True)
    assert launch(platform, order(training, suffix="a")).id == "job-0"  # it costs nothing more
    assert hosted.paths("POST").count(JOBS) == 2


def test_a_job_that_exists_is_given_back_whatever_the_limits_say(
    hosted: Canned, connected: Connected, training: Path
) -> None:
    launch(connected(), order(training))
    assert launch(connected(), order(training), max_cost=0).id == "job-0"
    assert launch(connected(), order(training), max_cost=0, validate=False).id == "job-0"
    hosted.answer("GET", f"{JOBS}/job-0", {"id": "job-0", "status": "failed"})
    platform = connected()
    platform.jobs.get("job-0")
    with pytest.raises(UsageError, match="which is more than"):
        launch(platform, order(training), max_cost=0)


def ends(day: date) -> dict[str, Any]:
    return {"m": {**PRICED["m"], "shutdown": {"on": day.isoformat()}}}


def test_a_model_that_has_ended_takes_no_job(hosted: Canned, connected: Connected, training: Path) -> None:
    platform = connected(models=ends(date.today() - timedelta(days=1)))
    with pytest.raises(NotOnPlatform, match="was shut down on"):
        launch(platform, order(training))
    assert hosted.paths("POST") == []


def test_a_model_that_ends_soon_is_warned_of(connected: Connected, training: Path) -> None:
    seen = Seen()
    day = date.today() + timedelta(days=20)
    launch(connected(seen, models=ends(day)), order(training))
    assert any(f"m shuts down on {day}, in 20 days" in text for text in seen.told)


@pytest.mark.parametrize("form", ["iso", "seconds"])
def test_the_platform_s_own_date_of_a_shutdown_counts(
    hosted: Canned, connected: Connected, training: Path, form: str
) -> None:
    day = "2024-05-01" if form == "iso" else 1_714_521_600
    hosted.answer("GET", "/models/m", {"id": "m", "shutdown_date": day})
    with pytest.raises(NotOnPlatform, match=r"was shut down on 2024-05-01 \(.* says so\)"):
        launch(connected(), order(training))


def test_a_training_file_that_ftkit_uploaded_is_known_by_its_id(connected: Connected, training: Path) -> None:
    platform = connected()
    first = launch(platform, order(training))
    by_id = launch(platform, order("file-0", suffix="other"))
    assert by_id.estimate.tokens == first.estimate.tokens and by_id.estimate.dollars is not None
    unknown = launch(platform, order("file-of-somebody", suffix="third"))
    assert unknown.estimate.tokens is None
    assert any("only its id is known" in note for note in unknown.estimate.notes)


def test_a_split_is_trained_on_by_its_parts(
    hosted: Canned, connected: Connected, training: Path, tmp_path: Path
) -> None:
    from ftkit.splitting import split

    parts = tmp_path / "parts"
    split(rows(training, 60), train=40, validation=20, out=parts)
    result = launch(connected(), order(parts))
    assert result.estimate.examples == 40
    assert sent(hosted)["validation_file"] == "file-1"


def test_a_folder_that_is_no_split_is_said(connected: Connected, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="no split here"):
        launch(connected(), order(tmp_path / "folder"))


def test_a_local_launch_from_file_to_end_teaches_the_next_estimate(
    platform: Settings, training: Path
) -> None:
    """Against the real local platform: the time of one job is what the next one goes by."""
    rows(training, 40, f" of {training}")
    with connect(settings=platform) as local:
        chosen = JobOrder(model="linear", training_file=str(training), suffix="launch")
        first = launch(local, chosen, max_cost=0.0)
        assert first.estimate.dollars is not None and first.estimate.dollars.high == 0
        ended = local.jobs.wait(first.id)
        assert ended.status == "succeeded"
        assert first.estimate.trained_tokens is not None
        assert first.estimate.trained_tokens.high == ended.trained_tokens  # exactly what was billed
        facts = next(job for job in local.ledger.operations("job") if job.result_id == first.id).result
        assert facts["trained_tokens"] == ended.trained_tokens
        if facts["seconds"]:
            second = launch(local, chosen, again=True)
            assert second.estimate.seconds is not None and second.estimate.seconds.low > 0
        assert first.with_job(ended).fine_tuned_model == ended.fine_tuned_model
