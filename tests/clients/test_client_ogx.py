"""OGX's client, pointed at the local platform by OpenAI's routes, which it speaks."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("ogx",)


def test_ogx(client: Client) -> None:
    """files, batches, chat and its stream, the list of models"""
    found = client.run("ogx_calls.py")
    assert found["file"] and found["listed"] and found["deleted"]
    assert found["batch"] == ["completed", 5]
    assert found["text"] in ("yes", "no")
    assert found["streamed"] == found["text"]
    assert "meta-llama/Llama-3.1-8B-Instruct" in found["models"]
    assert found["model"] == "meta-llama/Llama-3.1-8B-Instruct"
