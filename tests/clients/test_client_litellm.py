"""LiteLLM's functions, pointed at the local platform."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("litellm",)


def test_litellm(client: Client) -> None:
    """completion, acompletion, streams, text_completion, embedding, files, fine-tuning jobs, batches"""
    found = client.run("litellm_calls.py", LITELLM_LOCAL_MODEL_COST_MAP="True")
    assert found["text"] in ("yes", "no")
    assert found["usage"]
    assert found["hosted"] == "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    assert found["streamed"] == found["text"]
    assert found["asynchronous"] == [found["text"]] * 5
    assert found["refused"] == [404]
    assert found["completed"] in ("yes", "no")
    assert found["vectors"] == 2
    assert found["job"] == ["succeeded", True, "cancelled"]
    assert found["tuned"] == "yes"
    assert found["file"] == ["processed", True]
    assert found["batch"] == ["completed", {"by": "litellm"}, True]
    assert found["records"] == [f"r{number}" for number in range(5)]
