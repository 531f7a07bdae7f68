"""PydanticAI's native output, which asks for a reply of a JSON schema."""

from __future__ import annotations

import os
from typing import Literal

from client_data import SYSTEM, say
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Fruit(BaseModel):
    """Whether a fruit is a citrus fruit."""

    citrus: Literal["yes", "no"]


provider = OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
model = OpenAIChatModel("gpt-4o-mini", provider=provider)
found = Agent(model, instructions=SYSTEM, output_type=NativeOutput(Fruit)).run_sync("a lemon").output
say({"type": type(found).__name__, "citrus": found.citrus})
