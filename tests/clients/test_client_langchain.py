"""LangChain's OpenAI models, pointed at the local platform."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("langchain",)


def test_langchain_chat(client: Client) -> None:
    """ChatOpenAI: invoke, stream, batch, the same asynchronously, a tuned model; OpenAI; OpenAIEmbeddings"""
    found = client.run("langchain_chat.py")
    assert found["text"] in ("yes", "no")
    assert found["model"] == "gpt-4o-mini"
    assert found["finish"] == "stop"
    assert found["usage"]
    assert found["streamed"] == found["text"]
    assert found["stream_usage"] > 0
    assert found["batch"] == [found["text"]] * 3
    assert found["tuned"] == ["yes", "no"]
    assert found["asynchronous"] == [found["text"], found["text"], 9]
    assert found["tools"] == ["unsupported_parameter", "tools"]
    assert found["choices"] == 2
    assert found["completed"] in ("yes", "no")
    assert len(found["vectors"]) == 2 and found["vectors"][0] == found["vectors"][1] > 0


def test_langchain_structured_output(client: Client) -> None:
    """with_structured_output by JSON schema"""
    found = client.run("langchain_form.py")
    assert found["type"] == "Fruit"
    assert found["citrus"] in ("yes", "no")
