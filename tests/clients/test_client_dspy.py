"""DSPy's fine-tuning through its OpenAI provider, pointed at the local platform."""

from __future__ import annotations

from pathlib import Path

from client_rig import Client

CLIENTS = ("dspy",)


def test_dspy(client: Client, tmp_path: Path) -> None:
    """LM.finetune on a signature's examples; Predict with the tuned model"""
    home = str(tmp_path / "dspy")
    found = client.run(
        "dspy_tuning.py", DSPY_CACHEDIR=home, STANFORDNLP_HOME=home, LITELLM_LOCAL_MODEL_COST_MAP="True"
    )
    assert found["model"].startswith("ft:gpt-4o-mini-2024-07-18:")
    assert found["right"] == 16
