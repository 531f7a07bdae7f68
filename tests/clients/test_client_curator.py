"""bespokelabs-curator's OpenAI batch backend, pointed at the local platform."""

from __future__ import annotations

from pathlib import Path

from client_rig import Client

CLIENTS = ("curator",)


def test_curator(client: Client, tmp_path: Path) -> None:
    """curator.LLM with batch=True and backend "openai": a data set in several batches, answers beside rows"""
    found = client.run(
        "curator_batch.py",
        CURATOR_CACHE_DIR=str(tmp_path / "cache"),
        HF_HOME=str(tmp_path / "hf"),
        HF_HUB_OFFLINE="1",
        TELEMETRY_ENABLED="0",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )
    assert found["fruits"]
    assert set(found["answers"]) <= {"yes", "no"}
