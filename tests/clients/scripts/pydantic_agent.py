"""PydanticAI's agent on its OpenAI chat model: run, stream, history, usage, a refusal."""

from __future__ import annotations

import asyncio
import os

from client_data import SYSTEM, say
from pydantic_ai import Agent, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
agent = Agent(OpenAIChatModel("gpt-4o-mini", provider=provider), instructions=SYSTEM, retries=0)


async def streamed() -> list[str]:
    """The text as it grows."""
    async with agent.run_stream("a lemon") as result:
        return [text async for text in result.stream_text()]


def refused() -> list[object]:
    """A model that is not there."""
    try:
        Agent(OpenAIChatModel("gpt-99", provider=provider)).run_sync("a lemon")
    except ModelHTTPError as error:
        return [error.status_code, error.body["code"]]
    return []


first = agent.run_sync("a lemon", model_settings={"temperature": 0, "max_tokens": 9, "seed": 3})
second = agent.run_sync("a pear", message_history=first.all_messages())
usage = first.usage() if callable(first.usage) else first.usage
say(
    {
        "texts": [first.output, second.output],
        "usage": [usage.requests, usage.input_tokens > 0, usage.output_tokens > 0],
        "streamed": asyncio.run(streamed())[-1],
        "refused": refused(),
    }
)
