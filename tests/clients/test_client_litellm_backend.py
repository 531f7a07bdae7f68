"""The backend of ``ftkit[litellm]`` with the real library, through its provider for OpenAI."""

from __future__ import annotations

from pathlib import Path

from client_rig import Client

CLIENTS = ("litellm",)
ROOT = Path(__file__).parents[2]


def test_the_backend_of_the_extra(client: Client) -> None:
    """ftkit's own backend: requests with their answers kept, embeddings, refusals"""
    found = client.run("litellm_backend.py", LITELLM_LOCAL_MODEL_COST_MAP="True", PYTHONPATH=str(ROOT))
    assert set(found["texts"]) <= {"yes", "no"}
    assert found["first"] == [20, 20, True, "litellm"]
    assert found["again"] == [25, 5, 20]
    assert found["one"] == 1
    assert found["form"] is True
    assert found["vectors"] == 2
    assert found["refused"] == [404, 2]
