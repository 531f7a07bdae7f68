"""A hook: a person's own Python code that asks a service, and how it is called.

A hook has ``call`` and may have ``setup``, ``embed`` and ``close``. Each is a function or coroutine
function that names the parameters it wants, of these::

    model     the HookedModel: name, key, args, client, context_window, settings
    client    what setup returned              key, api_key   the key of the model's key_env
    settings  ftkit's settings                 params         the request's other fields
    messages  the conversation (call)          prompt         the same as one text (call)
    texts     a list of texts (embed)

``call`` may also name fields of the request (``temperature=0``) or take them all (``**params``). It
returns the text; or the text and its tokens, ``(text, prompt, completion)`` or
``(text, (prompt, completion))``; a :class:`HookReply`; or a whole chat completion.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.settings import Settings

Function = Callable[..., Any]
_REST = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_SHARED = ("model", "client", "key", "api_key", "settings")
_OFFERED = {
    "setup": _SHARED,
    "call": (*_SHARED, "messages", "prompt", "params"),
    "embed": (*_SHARED, "texts", "params"),
    "close": _SHARED,
}


class HookReply(NamedTuple):
    """What a hook answered; tokens are None where the service does not count them."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = "stop"


class HookBusy(Exception):
    """Raised by a hook whose service has had enough: all requests wait, ``retry_after`` seconds if given."""

    def __init__(self, message: str = "the service has had enough", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass
class HookedModel:
    """The model as a hook sees it: ``name`` as requests name it, ``args`` are its ``options`` in ftkit.toml.

    ``client`` is what ``setup`` returned. ``entry`` is the catalog's, with prices and limits.
    """

    name: str
    entry: Model
    settings: Settings
    key: str | None = field(default=None, repr=False)
    args: dict[str, Any] = field(default_factory=dict)
    client: Any = None

    @property
    def context_window(self) -> int | None:
        """Tokens of prompt and reply together; None where it is not known."""
        return self.entry.limits.inference_context


@dataclass(frozen=True)
class Hook:
    """The functions of a hook. ``version`` stands for its code: raise it when its answers change.

    ``takes_response_format`` says that the service keeps to a ``response_format`` in a request.
    """

    call: Function | None = None
    setup: Function | None = None
    embed: Function | None = None
    close: Function | None = None
    version: str | None = None
    title: str = "hook"
    takes_response_format: bool | Callable[[], bool] = False

    @classmethod
    def of(cls, target: Any, title: str | None = None) -> Hook:
        """The hook that an object is: a Hook, a class (made without arguments), a module or object with
        ``call``, or a function, which is ``call`` itself.

        Raises UsageError for anything else, and for parameters that a hook is not given.
        """
        named = title or getattr(target, "__qualname__", None) or type(target).__name__
        if isinstance(target, Hook):
            hook = replace(target, title=title) if title is not None else target
        else:
            made = _made(target, named)
            names = ("call", "setup", "embed", "close")
            parts = {name: found for name in names if callable(found := getattr(made, name, None))}
            if not {"call", "embed"} & parts.keys() and callable(made):
                parts = {"call": made if inspect.isroutine(made) else made.__call__}
            version = getattr(made, "version", None) or getattr(made, "__version__", None)
            hook = cls(
                **parts,
                version=None if version is None else str(version),
                title=title or getattr(made, "title", None) or named,
                takes_response_format=getattr(made, "takes_response_format", False),
            )
        hook._check(named)
        return hook

    def _check(self, title: str) -> None:
        if self.call is None and self.embed is None:
            raise UsageError(f"{title} is no hook: it has no call", hint="See ftkit.inference.backends.hook.")
        for kind, offered in _OFFERED.items():
            function = getattr(self, kind)
            for name in _needed(function) if function is not None else ():
                if name not in offered:
                    raise UsageError(
                        f"{kind} of {title} asks for {name!r}, which no hook is given",
                        hint=f"There are: {', '.join(offered)}. Give other parameters a default.",
                    )

    def fingerprint(self) -> str:
        """Its version; without one the SHA-256 of its functions' code, in which comments do not count."""
        if self.version is not None:
            return f"version {self.version}"
        parts = [_code_of(f) for f in (self.setup, self.call, self.embed) if f is not None]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def arguments(function: Function, given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a function is called with: of ``given`` and of the request's ``fields`` what it names."""
    names, takes_rest = _parameters(function)
    offered = {**fields, **given}
    named = {name: offered[name] for name in names if name in offered}
    return {**fields, **named} if takes_rest else named


@lru_cache(maxsize=64)
def _parameters(function: Function) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters, and whether it takes any others."""
    parameters = inspect.signature(function).parameters.values()
    names = tuple(p.name for p in parameters if p.kind not in _REST)
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """A conversation as one text: the texts parted by blank lines, with roles where it has replies."""
    roles = any(message.get("role") not in ("system", "developer", "user") for message in messages)
    parts = [(str(message.get("role")), _text_of(message.get("content"))) for message in messages]
    return "\n\n".join(f"{role}: {text}" if roles else text for role, text in parts)


def read_reply(result: Any) -> HookReply | dict[str, Any]:
    """What a hook returned, as a reply or a whole chat completion. Raises TypeError for what is neither."""
    if isinstance(result, HookReply):
        return result
    if isinstance(result, str):
        return HookReply(result)
    whole = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
    if isinstance(whole, Mapping) and "choices" in whole:
        return dict(whole)
    if isinstance(result, tuple | list) and result and isinstance(result[0], str):
        counts = result[1] if len(result) == 2 and isinstance(result[1], tuple | list) else result[1:]
        if len(counts) == 2 and all(count is None or isinstance(count, int) for count in counts):
            # nobody answers with no token at all: so do hooks say that they do not know
            prompt, completion = (None, None) if result[0] and not any(counts) else counts
            return HookReply(result[0], prompt, completion)
    raise TypeError(f"a hook returns a text, or a text and two token counts, not {_short(result)}")


def read_vectors(result: Any, texts: int) -> tuple[list[list[float]], int | None]:
    """Vectors that ``embed`` returned, alone or with the tokens. Raises TypeError for anything else."""
    tokens: int | None = None
    if isinstance(result, tuple) and len(result) == 2:
        result, counted = result
        tokens = counted if isinstance(counted, int) else sum(counted)
    rows: Any = result
    if hasattr(rows, "tolist"):  # of numpy, torch or the like
        rows = rows.tolist()
    if not isinstance(rows, list | tuple) or len(rows) != texts:
        raise TypeError(f"embed returns a vector for each of the {texts} texts, not {_short(result)}")
    return [[float(number) for number in row] for row in rows], tokens or None


def _made(target: Any, title: str) -> Any:
    """The object of a class; anything else is one already."""
    if not isinstance(target, type):
        return target
    try:
        return target()
    except TypeError as error:
        raise UsageError(f"the hook {title} is a class that cannot be made alone: {error}") from error


def _needed(function: Function) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return []
    return [p.name for p in parameters if p.default is p.empty and p.kind not in _REST]


def _code_of(function: Function) -> str:
    try:
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):  # typed in, or one of several lambdas on a line
        code = getattr(function, "__code__", None)
        return repr((code.co_code, code.co_consts, code.co_names)) if code else repr(type(function))


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
