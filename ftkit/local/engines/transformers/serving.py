"""How a configured model is served: the table ``serving`` of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.local.engines.base import ModelSpec


class ServingSettings(BaseModel):
    """What is None or "auto" is chosen by machine and model.

    ``server``: "vllm" gives the model to vLLM with ``vllm_arguments``, "transformers" runs it here; "auto"
    takes vLLM where it is installed and there is a GPU. ``context`` is the most tokens of prompt and reply,
    ``most_tokens`` of a reply where a client sets no limit. ``rows`` replies are written at once, prompts of
    ``prompt_tokens`` read in one turn; ``memory`` is the part of the free memory that their caches may take,
    ``threads`` how many a processor's work is spread over.
    ``defaults`` are for what a client leaves open: ``temperature``, ``top_p``, ``top_k``, ``min_p``,
    ``repetition_penalty``; the model's own come after them, then OpenAI's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: Literal["auto", "transformers", "vllm"] = "auto"
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    four_bit: bool = False
    attention: str | None = None
    context: int | None = Field(None, ge=16)
    most_tokens: int = Field(4096, ge=1)
    rows: int = Field(64, ge=1)
    prompt_tokens: int = Field(8192, ge=1)
    memory: float = Field(0.5, gt=0, le=0.95)
    defaults: dict[str, float] = Field(default_factory=dict)
    threads: int | None = Field(None, ge=1)
    vllm_arguments: tuple[str, ...] = ()


def serving_of(model: ModelSpec) -> ServingSettings:
    """How this model is served. Raises ``ValueError`` naming the setting that is wrong."""
    given: Any = model.options.get("serving", {})
    try:
        return ServingSettings.model_validate(dict(given) if isinstance(given, Mapping) else given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("serving", *first["loc"])))
        raise ValueError(f"it is configured wrongly: {place}: {first['msg']}") from None
