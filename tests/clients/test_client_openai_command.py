"""The command line that ``openai`` packages brought before 3.0."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from client_rig import Client
from scripts.client_data import SYSTEM, training

CLIENTS = ("openai-2",)


def test_openai_command(client: Client, tmp_path: Path) -> None:
    """`openai api`: files, fine_tuning.jobs, models, chat.completions, its stream, completions"""

    # not files.retrieve and files.delete: the package itself asks for a file and a purpose there
    def api(*arguments: str) -> str:
        return client.command("openai", "api", *arguments)

    def said(*arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(api(*arguments))
        return found

    (tmp_path / "train.jsonl").write_text(training(), "utf-8")
    file = said("files.create", "-f", "train.jsonl", "-p", "fine-tune")["id"]
    assert file in api("files.list")
    hosted = ["-m", "gpt-4o-mini", "-s", "command", "-H", '{"n_epochs": 3}']
    job = said("fine_tuning.jobs.create", "-F", file, *hosted)["id"]
    deadline = time.monotonic() + 90
    while (done := said("fine_tuning.jobs.retrieve", "-i", job))["finished_at"] is None:
        assert time.monotonic() < deadline, done
        time.sleep(1)
    assert done["status"] == "succeeded"
    assert job in api("fine_tuning.jobs.list")
    assert "successfully completed" in api("fine_tuning.jobs.list_events", "-i", job, "-l", "3")
    tuned = done["fine_tuned_model"]
    assert tuned in api("models.list")
    ask = ["-m", tuned, "-g", "system", SYSTEM, "-g", "user", "a lemon"]
    assert api("chat.completions.create", *ask).strip() == "yes"
    assert api("chat.completions.create", *ask, "--stream").strip() == "yes"
    assert "yes" in api("completions.create", "-m", tuned, "-p", f"{SYSTEM}\na lemon")
    assert said("models.delete", "-i", tuned)["deleted"]
