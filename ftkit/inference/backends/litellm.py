"""The hook that asks LiteLLM, which speaks to services of a hundred other forms (``ftkit[litellm]``)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ftkit.errors import ConfigurationError
from ftkit.inference.backends.hook import HookedModel


class LiteLLM:
    """``litellm.acompletion`` and ``litellm.aembedding``; what to do again is decided here, not there.

    The model's ``options`` in ftkit.toml are given with each request (``api_base``, ``api_version``). Keys
    are taken from the variables that LiteLLM names for each service, or from ``key_env``.
    """

    version = "1"

    def __init__(self, name: str) -> None:
        self._name = name
        self.title = f"litellm:{name}"

    def setup(self) -> Any:
        """The library. Raises ConfigurationError where it is not installed."""
        library = _library()
        library.suppress_debug_info = True  # it prints advertisements with errors
        library.telemetry = False
        return library

    def takes_response_format(self) -> bool:
        """Whether LiteLLM knows that the model keeps to a JSON Schema."""
        return bool(_library().supports_response_schema(model=self._name))

    async def call(self, client: Any, model: HookedModel, messages: list[Any], **params: Any) -> Any:
        """One chat completion."""
        return await client.acompletion(
            model=self._name, messages=messages, **{**self._given(model), **params}
        )

    async def embed(self, client: Any, model: HookedModel, texts: list[str], **params: Any) -> Any:
        """The vectors of some texts."""
        reply = await client.aembedding(model=self._name, input=texts, **{**self._given(model), **params})
        return reply.model_dump(mode="json")

    def _given(self, model: HookedModel) -> dict[str, Any]:
        once = {"num_retries": 0, "max_retries": 0, "timeout": model.settings.timeout}
        key = {} if model.key is None else {"api_key": model.key}
        return {**once, **key, **model.args}


def _library() -> Any:
    try:
        return import_module("litellm")
    except ImportError as error:
        raise ConfigurationError(
            "LiteLLM is not installed", hint="Install it: pip install 'ftkit[litellm]'"
        ) from error
