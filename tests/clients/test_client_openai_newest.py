"""What only the newest ``openai`` package has."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("openai-3",)


def test_newest_helpers(client: Client) -> None:
    """parsed replies, completions, embeddings, batches of both, job methods, pause, idempotency keys"""
    found = client.run("openai_newest.py")
    assert found["parsed"] in ("yes", "no")
    assert found["streamed"] == found["parsed"]
    assert found["kinds"] == ["chunk", "content.delta", "content.done"]
    assert found["completed"] == [found["completed_pieces"]] * 2
    assert found["completed_pieces"] in ("yes", "no")
    assert found["same"], "a vector is the same in base64"
    size = found["vectors"][0]
    assert found["vectors"] == [size, size]
    assert found["batches"] == [found["completed"], [size, size]]
    assert found["expires"] == 3600
    assert found["steering"] == ["paused", "queued", "succeeded"]
    assert found["method"] == ["supervised", 40]
    assert found["found"]
    assert found["idempotent"] == [True, "409"]
