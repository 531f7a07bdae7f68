"""ftkit's own backend for LiteLLM: the same code as in ftkit, in an environment that has LiteLLM."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from client_data import messages, say

from ftkit.errors import FtkitError
from ftkit.gateway.requests import chat_request
from ftkit.inference import AnswerCache, HookBackend, ask, backend_for
from ftkit.inference.backends.calling import EMBEDDINGS
from ftkit.settings import Settings

MODELS = {
    "ours/lemon": {
        "litellm": "openai/gpt-4o-mini",
        "key_env": "OPENAI_API_KEY",
        "options": {"api_base": os.environ["OPENAI_BASE_URL"], "timeout": 30},
        "rates": {"concurrent_requests": 4},
    },
    "ours/nothing": {
        "litellm": "openai/gpt-99",
        "key_env": "OPENAI_API_KEY",
        "options": {"api_base": os.environ["OPENAI_BASE_URL"]},
    },
}
SETTINGS = Settings(models=MODELS, max_retries=1)
FOLDER = Path("backend")


def asked(model: str, requests: list[dict[str, Any]]) -> Any:
    """What ``ask`` says of requests to a model."""
    with AnswerCache(FOLDER / "answers.db") as cache:
        return ask(
            requests,
            backend_for(model, SETTINGS),
            model=model,
            out=FOLDER / "out.jsonl",
            workdir=FOLDER / model,  # of a call that failed it stays, for the same call again
            cache=cache,
        )


def chats(model: str, count: int, **params: Any) -> list[dict[str, Any]]:
    """Requests about so many lemons."""
    return [chat_request(f"r{n}", model, messages(f"lemon {n}"), **params) for n in range(count)]


def vectors() -> int:
    """How many numbers an embedding has."""
    body = {"model": "ours/lemon", "input": ["a lemon", "a plum"]}
    result = asked("ours/lemon", [{"custom_id": "e", "method": "POST", "url": EMBEDDINGS, "body": body}])
    (answer,) = result.answers()
    return len(answer.raw["response"]["body"]["data"])


def refused() -> list[Any]:
    """What a model that is not there, and a parameter that is not taken, come to."""
    try:
        asked("ours/nothing", chats("ours/nothing", 3))
    except FtkitError as error:
        return [
            getattr(error, "status", None),
            asked("ours/lemon", chats("ours/lemon", 2, max_tokens=-5)).failed,
        ]
    return []


def main() -> None:
    """Everything, said as one object."""
    first = asked("ours/lemon", chats("ours/lemon", 20))
    again = asked("ours/lemon", chats("ours/lemon", 25))
    backend = backend_for("ours/lemon", SETTINGS)
    assert isinstance(backend, HookBackend)
    say(
        {
            "texts": sorted({str(answer.text) for answer in again.answers()}),
            "first": [first.answered, first.asked, first.prompt_tokens > 0, first.via],
            "again": [again.answered, again.asked, again.cached],
            "one": backend.complete(messages("a lemon")).usage.completion_tokens,
            "form": backend.takes_response_format,
            "vectors": vectors(),
            "refused": refused(),
        }
    )


if __name__ == "__main__":
    main()
