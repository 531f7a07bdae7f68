"""The ``openai`` package: chat, streams, raw and streaming responses, errors, its module-level client."""

from __future__ import annotations

import openai
from client_data import messages, say
from openai import OpenAI

client = OpenAI(max_retries=0, _strict_response_validation=True)
MODEL = "gpt-4o-mini"


def refused(**wrong: object) -> list[object]:
    """What a request that is wrong is told."""
    try:
        client.chat.completions.create(**{"model": MODEL, "messages": messages("a fig"), **wrong})
    except openai.APIStatusError as error:
        return [type(error).__name__, error.code, error.param, bool(error.request_id)]
    return []


asked = {"model": MODEL, "messages": messages("a lemon")}
chat = client.chat.completions.create(**asked, n=2, stop=["!"], seed=1, max_tokens=8, user="someone")
pieces = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
raw = client.chat.completions.with_raw_response.create(**asked)
with client.files.with_streaming_response.content(
    client.files.create(file=b"x" * 100_000, purpose="batch").id
) as response:
    streamed = sum(len(piece) for piece in response.iter_bytes(4096))
with client.chat.completions.with_streaming_response.create(**asked, stream=True) as response:
    last = [line for line in response.iter_lines() if line][-1]
page = client.with_options(timeout=20).models.list()
wrong_key = OpenAI(api_key="wrong", max_retries=0)
try:
    wrong_key.models.list()
    key = "let in"
except openai.AuthenticationError as error:
    key = str(error.code)

say(
    {
        "choices": [choice.message.content for choice in chat.choices],
        "usage": chat.usage.total_tokens == chat.usage.prompt_tokens + chat.usage.completion_tokens,
        "model": chat.model,
        "text": "".join(p.choices[0].delta.content or "" for p in pieces if p.choices),
        "roles": [p.choices[0].delta.role for p in pieces[:1]],
        "finish": [p.choices[0].finish_reason for p in pieces if p.choices][-1],
        "stream_usage": [p.usage is not None for p in pieces][-2:],
        "raw": [raw.headers["x-request-id"][:4], raw.parse().choices[0].message.content, raw.status_code],
        "streamed": streamed,
        "last": last,
        "models": MODEL in [model.id for model in page],
        "key": key,
        "module": openai.chat.completions.create(**asked).choices[0].message.content,
        "errors": [
            refused(messages=[]),
            refused(model="gpt-99"),
            refused(temperature=7),
            refused(extra_body={"colour": "red"}),
            refused(n=0),
        ],
    }
)
