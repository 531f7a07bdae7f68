"""A job that fails again and again is not launched every night for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from retrain_helpers import with_policy

from ftkit.display import SilentDisplay
from ftkit.errors import JobFailed
from ftkit.gateway import connect
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.retraining import Retrained, RetrainOptions, retrain, rounds_of
from ftkit.lifecycle.retraining.planning import Planner, for_retraining
from ftkit.local.engines.linear.book import MAX_REPLIES
from ftkit.settings import Settings


@pytest.fixture
def at(platform: Settings, tmp_path: Path, recipe: Path, rows: Path) -> Settings:
    """The module's platform, and a recipe whose jobs fail there: the engine cannot learn so many replies."""
    doom(rows)
    file = recipe / "recipe.toml"
    file.write_text(
        file.read_text().replace('[answers]\nlabels = ["up", "down"]', '[benchmark]\nmetric = "exact"')
    )
    with_policy(recipe, "max_attempts = 2")
    return platform.model_copy(update={"runs_dir": tmp_path / "runs"})


def doom(rows: Path, more: int = 40) -> None:
    """As many replies as rows."""
    unit = rows.read_text().splitlines()[1].rsplit(" ", 1)[-1]
    lines = [f"reply {n},news {n} of the unit {unit}" for n in range(MAX_REPLIES + more)]
    rows.write_text("\n".join(["label,text", *lines, ""]))


def jobs(settings: Settings) -> int:
    with connect(settings=settings) as there:
        return len(list(there.jobs.list()))


def planner(recipe: Path, settings: Settings) -> Planner:
    said = for_retraining(load_recipe(recipe))
    past = rounds_of(recipe, settings=settings)
    return Planner(said, settings, SilentDisplay(), name="n", past=past, champion=None)


def test_after_so_many_failures_a_person_is_to_look(recipe: Path, rows: Path, at: Settings) -> None:
    before = jobs(at)
    for attempt in (1, 2):
        with pytest.raises(JobFailed, match="different assistant replies"):
            retrain(recipe, settings=at)
        [known] = rounds_of(recipe, settings=at)
        assert (known.number, known.state, known.attempts) == (1, "abandoned", attempt)
    assert jobs(at) == before + 2
    told: list[Retrained] = []
    blocked = retrain(recipe, settings=at, ended=told.append)
    assert (blocked.outcome, blocked.exit_code, told) == ("blocked", 12, [blocked])
    [why] = blocked.reasons
    assert "2 jobs in a row have failed" in why and "different assistant replies" in why and "--force" in why
    assert retrain(recipe, RetrainOptions(dry_run=True), settings=at).outcome == "blocked"
    assert jobs(at) == before + 2, "nothing was launched"

    with pytest.raises(JobFailed):
        retrain(recipe, RetrainOptions(force=True), settings=at)
    assert jobs(at) == before + 3

    rows.write_text(
        "\n".join(line.replace("reply 1,", "reply 2,") for line in rows.read_text().splitlines()) + "\n"
    )
    assert planner(recipe, at).plan().failed is None, "other rows are another matter"
    doom(rows)
    assert planner(recipe, at).plan().failed is not None
    with_policy(recipe, "max_attempts = 9")
    assert planner(recipe, at).plan().failed is None, "and so is another recipe"


def test_what_fails_before_a_job_is_launched_is_no_attempt(recipe: Path, rows: Path, at: Settings) -> None:
    rows.write_text("label,text\n")
    for _ in range(3):
        with pytest.raises(Exception, match="no row"):
            retrain(recipe, settings=at)
    assert [one.attempts for one in rounds_of(recipe, settings=at)] == [0]
