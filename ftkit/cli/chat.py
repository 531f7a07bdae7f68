"""``ftkit chat``: one question to a model."""

from __future__ import annotations

import sys
from typing import Any

import click

from ftkit.cli.frame import App, command
from ftkit.errors import UsageError


@command(
    "chat",
    platform=True,
    examples=[
        'ftkit chat linear "Is this good news? Profit rose 12 %."',
        "ftkit chat gpt-4.1-mini - --platform openai < question.txt",
    ],
)
@click.argument("model")
@click.argument("text")
@click.option("--system", help="Instructions that stand before the question.")
@click.option("--no-stream", is_flag=True, help="Print the reply when it is whole.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest reply, in tokens.")
@click.option("--temperature", type=click.FloatRange(min=0), help="0 for the likeliest words.")
def chat(
    app: App,
    model: str,
    text: str,
    system: str | None,
    no_stream: bool,
    max_tokens: int | None,
    temperature: float | None,
) -> None:
    """Ask MODEL the question TEXT (``-`` reads it from stdin) and print the reply as it comes.

    MODEL may also be one of ftkit.toml that a hook or LiteLLM answers for; its reply comes whole.
    """
    from ftkit.inference.backends import HookBackend, backend_for, needs_platform

    messages = _messages(system, text)
    params: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
    if not needs_platform(model, app.settings):
        backend = backend_for(model, app.settings, display=app.display)
        assert isinstance(backend, HookBackend), "what needs no platform is a hook, and LiteLLM is one"
        said = backend.complete(messages, **params)
        app.emit(said, lambda _: click.echo(said.text))
        return
    with app.connect() as platform:
        if app.json or no_stream:
            reply = platform.chat.complete(model, messages, **params)
            app.emit(reply, lambda _: click.echo(reply.text))
            return
        for piece in platform.chat.stream(model, messages, **params):
            click.echo(piece, nl=False)
    click.echo()


def _messages(system: str | None, text: str) -> list[dict[str, str]]:
    """The conversation to send; UsageError where there is no question, or bytes that are no text."""
    try:
        question = sys.stdin.read() if text == "-" else text
        f"{system}{question}".encode()
    except UnicodeError:
        raise UsageError("the question is not UTF-8 text", hint="iconv -t utf-8 converts a file.") from None
    if not question.strip():
        raise UsageError("the question is empty", hint='ftkit chat MODEL "a question"')
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": question}]
