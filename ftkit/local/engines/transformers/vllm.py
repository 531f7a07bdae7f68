"""vLLM as a model's server: started beside this process, asked over its OpenAI-compatible HTTP.

Written after vLLM's documentation (``vllm serve``, adapters at run time by ``/v1/load_lora_adapter``). The
questions and answers that pass are OpenAI's, so another server of that protocol can be put in its place.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import openai

from ftkit.local.engines.asking import (
    Ability,
    Answer,
    Ask,
    Delta,
    Embedded,
    FinishReason,
    Refusal,
    Refused,
    Reply,
    TokenLogprob,
)
from ftkit.local.engines.transformers.serving import ServingSettings

BASE: Final = "base"
_START_SECONDS = 1800.0
_TOGETHER = 256
"""Questions on their way to vLLM at once; it makes its own batches of them."""
_ABILITIES: frozenset[Ability] = frozenset(("chat", "completions", "form", "logprobs", "sampling"))
_REFUSED = (400, 413, 422)


class VllmServer:
    """A server of one base model and its adapters. Raises ``ValueError`` where it does not come up."""

    def __init__(self, command: Sequence[str], port: int, key: str) -> None:
        environment = {**os.environ, "VLLM_API_KEY": key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        atexit.register(self._process.kill)
        self.client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0, timeout=3600
        )
        self.pool = ThreadPoolExecutor(_TOGETHER)
        self._attached: dict[Path, str] = {}
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ValueError(f"vLLM ended with code {self._process.returncode}; the host's log says why")
            try:
                self.client.models.list()
            except openai.APIError:
                time.sleep(0.2)
            else:
                return
        self._process.kill()
        raise ValueError("vLLM did not come up in time")

    def attach(self, folder: Path) -> str:
        """Load an adapter; returns the name to ask it by. Raises ``ValueError``."""
        if folder not in self._attached:
            told = {"lora_name": folder.name, "lora_path": str(folder)}
            try:
                self.client.post("/load_lora_adapter", cast_to=object, body=told)
            except openai.APIStatusError as error:
                raise ValueError(f"vLLM cannot load its adapter (HTTP {error.status_code})") from error
            self._attached[folder] = folder.name
        return self._attached[folder]

    def detach(self, name: str) -> None:
        """Let go of an adapter."""
        self._attached = {folder: own for folder, own in self._attached.items() if own != name}
        self.client.post("/unload_lora_adapter", cast_to=object, body={"lora_name": name})


def vllm_server(source: str, settings: ServingSettings) -> VllmServer:
    """The server of a model, started once in a process."""
    return _server(source, settings.model_dump_json())


@cache
def _server(source: str, settings_json: str) -> VllmServer:
    settings = ServingSettings.model_validate_json(settings_json)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return VllmServer(vllm_command(source, settings, port), port, secrets.token_urlsafe(32))


def vllm_command(source: str, settings: ServingSettings, port: int) -> list[str]:
    """How vLLM is started; ``vllm_arguments`` come last, so that they win."""
    beside = Path(sys.executable).with_name("vllm")
    program = str(beside) if beside.exists() else shutil.which("vllm") or "vllm"
    command = [program, "serve", source]
    command += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", BASE]
    command += ["--enable-lora", "--max-lora-rank", "64", "--max-num-seqs", str(max(settings.rows, 64))]
    if settings.context is not None:
        command += ["--max-model-len", str(settings.context)]
    if settings.dtype != "auto":
        command += ["--dtype", settings.dtype]
    return [*command, *settings.vllm_arguments]


class VllmResponder:
    """The base, or one adapter, of a server."""

    def __init__(self, server: VllmServer, adapter: str | None, settings: ServingSettings) -> None:
        self._server = server
        self._adapter = adapter
        self._settings = settings

    @property
    def abilities(self) -> frozenset[Ability]:
        """No embeddings (vLLM makes them in another mode), no tools (they need a parser chosen by hand)."""
        return _ABILITIES

    def close(self) -> None:
        """Let go of an adapter."""
        if self._adapter is not None:
            self._server.detach(self._adapter)

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """All at once: vLLM makes its own batches."""
        return list(self._server.pool.map(self._one, asks))

    def _one(self, ask: Ask) -> Answer | Refusal:
        try:
            found: Any = self._send(ask, stream=False)
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED:
                return refusal(error)
            raise
        # tokens are counted for all choices together: they are the first one's here
        counts = [found.usage.completion_tokens] + [0] * (len(found.choices) - 1)
        replies = [
            reply_of(choice.to_dict(), ask, count)
            for choice, count in zip(found.choices, counts, strict=True)
        ]
        return Answer(tuple(replies), found.usage.prompt_tokens)

    def stream(self, ask: Ask) -> Iterator[Delta]:
        """As vLLM sends it."""
        try:
            chunks: Any = self._send(ask, stream=True)
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED:
                raise Refused(refusal(error)) from error
            raise
        pieces = Pieces(ask)
        with chunks:
            for chunk in chunks:
                yield from pieces.of(chunk.to_dict())

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """Never asked: it is not among the abilities."""
        raise NotImplementedError

    def _send(self, ask: Ask, stream: bool) -> Any:
        body = body_of(ask, self._adapter or BASE, self._settings)
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        client = self._server.client
        extra = body.pop("extra_body")
        if ask.prompt is not None:
            return client.completions.create(**body, extra_body=extra)
        return client.chat.completions.create(**body, extra_body=extra)


def body_of(ask: Ask, model: str, settings: ServingSettings) -> dict[str, Any]:
    """A question as OpenAI's API has it; ``extra_body`` is vLLM's own."""
    sampling = ask.sampling
    body: dict[str, Any] = {
        "model": model,
        "n": ask.choices,
        "max_tokens": ask.most_tokens or settings.most_tokens,
        "stop": list(ask.stop) or None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty or None,
        "presence_penalty": sampling.presence_penalty or None,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
    }
    form = None if ask.form is None else {"name": "form", "schema": dict(ask.form), "strict": True}
    format_ = None if form is None else {"type": "json_schema", "json_schema": form}
    extra: dict[str, Any] = {
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
    }
    if ask.prompt is not None:
        body |= {"prompt": ask.prompt, "logprobs": ask.top_logprobs}
        extra["response_format"] = format_
    else:
        body |= {"messages": list(ask.messages), "response_format": format_}
        if ask.top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": ask.top_logprobs}
    for name, value in settings.defaults.items():
        place = extra if name in extra else body
        if place.get(name) is None:
            place[name] = value
    given = {name: value for name, value in body.items() if value is not None}
    return {**given, "extra_body": {name: value for name, value in extra.items() if value is not None}}


def refusal(error: openai.APIStatusError) -> Refusal:
    """What vLLM says is wrong with a request."""
    body: Any = error.body if isinstance(error.body, Mapping) else {}
    told = body.get("error", body)
    message = str(told.get("message") or error.message)
    long = "maximum context length" in message or "max_model_len" in message
    return Refusal(message, "context_length_exceeded" if long else "invalid_value", told.get("param"))


def reply_of(choice: Mapping[str, Any], ask: Ask, tokens: int) -> Reply:
    """One choice of an answer."""
    text = choice["text"] if ask.prompt is not None else (choice["message"].get("content") or "")
    return Reply(text, tokens, _reason(choice["finish_reason"]), logprobs_of(choice.get("logprobs"), ask))


def _reason(said: str) -> FinishReason:
    return "length" if said == "length" else "stop"


def logprobs_of(found: Any, ask: Ask) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities in either endpoint's form."""
    if ask.top_logprobs is None or found is None:
        return None
    if ask.prompt is None:
        return tuple(
            TokenLogprob(
                one["token"],
                one["logprob"],
                tuple((top["token"], top["logprob"]) for top in one.get("top_logprobs") or ()),
            )
            for one in found.get("content") or ()
        )
    tops = found.get("top_logprobs") or [{}] * len(found["tokens"])
    return tuple(
        TokenLogprob(token, value or 0.0, tuple((top or {}).items()))
        for token, value, top in zip(found["tokens"], found["token_logprobs"], tops, strict=True)
    )


class Pieces:
    """Streamed chunks as pieces. Tokens are counted by what vLLM says that it has written so far."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._counted: dict[int, int] = {}

    def of(self, chunk: Mapping[str, Any]) -> Iterator[Delta]:
        """A chunk's pieces; the last chunk has nothing but the sum of all tokens."""
        usage, choices = chunk.get("usage"), chunk.get("choices") or ()
        if usage is not None:
            yield Delta(prompt_tokens=usage["prompt_tokens"])
            if not choices:
                yield Delta(tokens=usage["completion_tokens"] - sum(self._counted.values()))
        for choice in choices:
            text = choice.get("text") if self._ask.prompt is not None else choice["delta"].get("content")
            reason = choice.get("finish_reason")
            if text or reason is not None:
                tokens = self._news(choice["index"], usage)
                ending = None if reason is None else _reason(reason)
                logprobs = logprobs_of(choice.get("logprobs"), self._ask)
                yield Delta(choice["index"], text or "", tokens, ending, logprobs)

    def _news(self, index: int, usage: Mapping[str, Any] | None) -> int:
        if usage is None:
            return 0
        before = self._counted.get(index, 0)
        self._counted[index] = max(before, usage["completion_tokens"])
        return self._counted[index] - before
