"""curator's OpenAI batch backend: a data set through ``batch=True``, results beside its rows."""

from __future__ import annotations

import os

from bespokelabs import curator
from client_data import CITRUS, OTHER, SYSTEM, say
from datasets import Dataset


class Fruits(curator.LLM):
    """Asks about a fruit."""

    def prompt(self, input: dict[str, str]) -> list[dict[str, str]]:
        """A conversation."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"a {input['fruit']}"}]

    def parse(self, input: dict[str, str], response: str) -> dict[str, str]:
        """The answer beside the row."""
        return {"fruit": input["fruit"], "answer": response}


fruits = [*CITRUS, *OTHER]
asker = Fruits(
    model_name="gpt-4o-mini",
    batch=True,
    backend="openai",
    generation_params={"temperature": 0, "max_tokens": 5},
    backend_params={
        "base_url": os.environ["OPENAI_BASE_URL"],
        "api_key": os.environ["OPENAI_API_KEY"],
        "batch_size": 6,
        "batch_check_interval": 1,
    },
)
found = asker(Dataset.from_dict({"fruit": fruits}))
rows = list(getattr(found, "dataset", found))
say({"fruits": [row["fruit"] for row in rows] == fruits, "answers": sorted({row["answer"] for row in rows})})
