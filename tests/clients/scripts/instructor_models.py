"""instructor's patched client: a pydantic model as the answer."""

from __future__ import annotations

from typing import Literal

import instructor
from client_data import messages, say
from openai import OpenAI
from pydantic import BaseModel


class Fruit(BaseModel):
    """Whether a fruit is a citrus fruit."""

    citrus: Literal["yes", "no"]


client = instructor.from_openai(OpenAI(max_retries=0), mode=instructor.Mode.JSON_SCHEMA)
found = client.chat.completions.create(
    model="gpt-4o-mini", messages=messages("a lemon"), response_model=Fruit, max_retries=1
)
say({"type": type(found).__name__, "citrus": found.citrus})
