"""``ftkit ledger``: what it lists, tells, forgets and exports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ftkit.ledger import Ledger, open_ledger
from ftkit.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def memory(tmp_path: Path) -> Ledger:
    """What was done: a file on the local platform, on OpenAI a job that failed once, and a begun batch."""
    settings = Settings(state_dir=tmp_path / "state")
    ledger = open_ledger(settings)
    with ledger.claim("upload", str(settings.local_state), {"sha256": "ab" * 32}) as upload:
        upload.intend(name="train.jsonl")
        upload.finish("file-1")
    with ledger.claim("job", OPENAI, {"model": "gpt-4.1-mini", "training_file": "file-2"}) as job:
        job.intend()
        job.finish("ftjob-1")
        job.renew("it has failed")
        job.intend()
        job.finish("ftjob-2", trained_tokens=12)
    with ledger.claim("batch", OPENAI, {"sha256": "cd" * 32}) as batch:
        batch.intend()
    ledger.close()
    return ledger


def listed(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [operation["kind"] for operation in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["upload", "job", "batch"]),
        (("--kind", "job"), ["job"]),
        (("--state", "begun"), ["batch"]),
        (("--state", "abandoned"), []),
        (("--platform", "openai"), ["job", "batch"]),
        (("--platform", "openai", "--kind", "upload"), []),
        (("--platform", "local"), ["upload"]),
        (("--base-url", OPENAI), ["job", "batch"]),
        (("--base-url", "https://else.where/v1"), []),
    ],
)
def test_a_list_is_filtered(
    memory: Ledger, here: Command, options: tuple[str, ...], expected: list[str]
) -> None:
    assert listed(here("ledger", "list", "--json", *options)) == expected


def test_the_platform_in_the_settings_filters_nothing(
    memory: Ledger, here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTKIT_PLATFORM", "openai")
    assert len(listed(here("ledger", "list", "--json"))) == 3


def test_a_person_sees_a_table(memory: Ledger, here: Command) -> None:
    text = here("ledger", "list").stdout
    for word in ("upload", "file-1", "ftjob-2", OPENAI, "begun", memory.get("ftjob-2").key[:12]):
        assert word in text
    assert "ftjob-1" not in text


def test_the_story_of_an_operation(memory: Ledger, here: Command) -> None:
    key = memory.get("ftjob-2").key
    by_id, by_beginning = here("ledger", "show", "ftjob-2"), here("ledger", "show", key[:10])
    assert by_id.stdout == by_beginning.stdout
    story = by_id.stdout
    places = [story.index(word) for word in ("intended  ", "ftjob-1", "renewed", "it has failed")]
    assert places[1:] == sorted(places[1:])
    assert "model gpt-4.1-mini" in story and "trained_tokens 12" in story
    whole = json.loads(here("ledger", "show", "ftjob-2", "--json").stdout)
    assert [line["what"] for line in whole["history"]] == ["intended", "done", "renewed", "intended", "done"]


@pytest.mark.parametrize("command", [("show",), ("forget", "--yes")])
def test_what_the_ledger_does_not_know(memory: Ledger, here: Command, command: tuple[str, ...]) -> None:
    done = here("ledger", *command, "ftjob-9")
    assert done.returncode == 2
    assert "no operation in the ledger" in done.stderr and "ftkit ledger list" in done.stderr


def test_forgetting_wants_to_be_meant(memory: Ledger, here: Command) -> None:
    asked = here("ledger", "forget", "ftjob-2")
    assert asked.returncode == 2
    assert "deletes nothing on the platform" in asked.stderr and "sends it again" in asked.stderr
    assert memory.get("ftjob-2").state == "done"
    done = here("ledger", "forget", "ftjob-2", "--yes")
    assert (done.returncode, done.stdout) == (0, "forgotten: the job ftjob-2\n")
    assert listed(here("ledger", "list", "--json")) == ["upload", "batch"]


def test_forgetting_what_has_no_end_names_the_attempt(memory: Ledger, here: Command) -> None:
    (batch,) = memory.operations("batch")
    done = here("ledger", "forget", batch.key[:12], "--yes", "--json")
    assert json.loads(done.stdout)["name"] == batch.name
    assert list(memory.operations("batch")) == []


def test_an_export_is_lines_of_json_with_the_history(memory: Ledger, here: Command) -> None:
    lines = [json.loads(line) for line in here("ledger", "export").stdout.splitlines()]
    assert [(line["kind"], len(line["history"])) for line in lines] == [
        ("upload", 2),
        ("job", 5),
        ("batch", 1),
    ]
    assert lines[1] == memory.get("ftjob-2").model_dump(mode="json")
    only = here("ledger", "export", "--kind", "job", "--json").stdout.splitlines()
    assert [json.loads(line) for line in only] == lines[1:2]


@pytest.mark.parametrize("arguments", [("list",), ("export",), ("list", "--json")])
def test_where_nothing_was_done_nothing_is_made(
    here: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = here("ledger", *arguments)
    assert done.returncode == 0
    assert not (tmp_path / "state").exists()


def test_a_file_that_is_no_ledger(here: Command, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.db").write_text("no database " * 100)
    done = here("ledger", "list")
    assert done.returncode == 4
    assert "not a database" in done.stderr and "ledger.db" in done.stderr and "Traceback" not in done.stderr


def test_in_a_process_of_its_own_beside_one_that_writes(memory: Ledger, ftkit: Command) -> None:
    with memory.claim("job", OPENAI, {"model": "m"}) as claim:
        claim.intend()
        done = ftkit("ledger", "list", "--json", "--kind", "job")
        assert [o["state"] for o in json.loads(done.stdout)] == ["done", "begun"], done.stderr
        held = ftkit("ledger", "forget", claim.key, "--yes")
        assert held.returncode == 2 and "at this operation now" in held.stderr
