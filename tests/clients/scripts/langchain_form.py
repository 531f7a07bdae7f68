"""LangChain's structured output, which asks for a reply of a JSON schema."""

from __future__ import annotations

from typing import Literal

from client_data import messages, say
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Fruit(BaseModel):
    """Whether a fruit is a citrus fruit."""

    citrus: Literal["yes", "no"]


model = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
found = model.with_structured_output(Fruit, method="json_schema").invoke(messages("a lemon"))
say({"type": type(found).__name__, "citrus": found.citrus})
