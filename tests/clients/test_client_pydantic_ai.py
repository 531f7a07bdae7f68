"""PydanticAI's OpenAI chat model, pointed at the local platform."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("pydantic-ai",)


def test_pydantic_agent(client: Client) -> None:
    """Agent on OpenAIChatModel: run, stream, history, usage, a refusal"""
    found = client.run("pydantic_agent.py")
    assert set(found["texts"]) <= {"yes", "no"}
    assert found["usage"] == [1, True, True]
    assert found["streamed"] == found["texts"][0]
    assert found["refused"] == [404, "model_not_found"]


def test_pydantic_native_output(client: Client) -> None:
    """NativeOutput: an answer of a pydantic model by JSON schema"""
    found = client.run("pydantic_form.py")
    assert found["type"] == "Fruit"
    assert found["citrus"] in ("yes", "no")
