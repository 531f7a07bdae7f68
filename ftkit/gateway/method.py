"""How a job trains: its method and hyperparameters, from where they stand to where a platform reads them.

OpenAI's API had the hyperparameters at the top of the request and wants them in
``method.TYPE.hyperparameters`` today; other platforms know one of these places, or flatten the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ftkit.catalog import Dialect, Provider
from ftkit.errors import NotOnPlatform
from ftkit.gateway.values import as_map, as_text

SUPERVISED = "supervised"
_PARTS = ("hyperparameters", "grader", "response_format")


class Method(NamedTuple):
    """``parts`` is what a method has beside hyperparameters (``grader``)."""

    kind: str
    hyperparameters: dict[str, Any]
    parts: dict[str, Any]

    def check(self, provider: Provider) -> None:
        """NotOnPlatform where the platform does not train so, or has no such hyperparameter."""
        dialect = provider.dialect
        unknown_here = dialect.job_methods and self.kind not in dialect.job_methods
        if unknown_here or (self.kind != SUPERVISED and "method" in dialect.drop_job_request):
            methods = " and ".join(dialect.job_methods or (SUPERVISED,))
            raise NotOnPlatform(
                f"{provider.title} trains by the method {methods} only, not by {self.kind!r}",
                hint="Train without that method, or use another platform.",
            )
        known = dialect.hyperparameters.get(self.kind, ())
        wrong = sorted(name for name in self.hyperparameters if known and name not in known)
        if wrong:
            raise NotOnPlatform(
                f"{provider.title} has no hyperparameter {wrong[0]!r} for {self.kind} training, "
                "and without it the model would differ",
                hint=f"It has: {', '.join(known)}.",
            )


def split_method(body: Mapping[str, Any]) -> tuple[Method, dict[str, Any]]:
    """The method of a job's request or of a job, and the other fields; what is None is left out.

    A hyperparameter in the method goes before one at the top.
    """
    rest = {n: v for n, v in body.items() if v is not None and n not in ("method", "hyperparameters")}
    method = as_map(body.get("method"))
    kind = as_text(method.get("type")) or next((k for k, v in method.items() if isinstance(v, Mapping)), None)
    kind = kind or SUPERVISED
    inner = as_map(method.get(kind) or method.get(kind.replace("-", "_")))
    nested = "hyperparameters" in inner
    flat = {n: v for n, v in inner.items() if not nested and n not in _PARTS and not isinstance(v, Mapping)}
    given = as_map(body.get("hyperparameters")) | flat | as_map(inner.get("hyperparameters"))
    parts = {n: v for n, v in inner.items() if n != _PARTS[0] and n not in flat and v is not None}
    return Method(kind, {n: v for n, v in given.items() if v is not None}, parts), rest


def placed(method: Method, dialect: Dialect) -> dict[str, Any]:
    """The fields that say the method to a platform; none where it is what the platform does anyway."""
    given = method.hyperparameters
    if not dialect.takes_auto:
        given = {name: value for name, value in given.items() if value != "auto"}
    if method.kind == SUPERVISED and not given and not method.parts:
        return {}
    if method.kind == SUPERVISED and dialect.supervised == "hyperparameters" and not method.parts:
        return {"hyperparameters": given}
    if method.kind == SUPERVISED and dialect.supervised == "flat":
        inner = {**given, **method.parts}
    else:
        inner = {**({"hyperparameters": given} if given else {}), **method.parts}
    return {"method": {"type": method.kind, method.kind.replace("-", "_"): inner}}
