"""Finds every pydantic class that the library's public functions answer with, and makes one of each."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

PACKAGES = (
    "ftkit", "ftkit.benchmarking", "ftkit.benchmarking.judging", "ftkit.benchmarking.versus", "ftkit.data",
    "ftkit.gateway", "ftkit.inference", "ftkit.inference.llm", "ftkit.ledger", "ftkit.lifecycle",
    "ftkit.lifecycle.migration", "ftkit.lifecycle.retraining", "ftkit.lifecycle.scheduling", "ftkit.notebook",
    "ftkit.registry", "ftkit.registry.cards", "ftkit.registry.exports", "ftkit.splitting", "ftkit.tokens",
    "ftkit.validation",
)  # fmt: skip
"""Those that programs import; the catalog and the settings hold what is known, not what came of a call."""
_ASKED = (
    "ftkit.catalog",
    "ftkit.settings",
    "ftkit.data.template",
    "ftkit.lifecycle.recipe",
    "ftkit.lifecycle.tables",
    "ftkit.benchmarking.judging.rubric",
)


def answered() -> dict[str, type[BaseModel]]:
    """The classes by ``package.Name``."""
    found = {one for name in PACKAGES for one in _of_package(name)}
    kept = [
        one for one in found if one.__module__.startswith("ftkit") and not one.__module__.startswith(_ASKED)
    ]
    return {f"{one.__module__}.{one.__name__}": one for one in sorted(kept, key=lambda one: str(one))}


def _of_package(name: str) -> Iterator[type[BaseModel]]:
    package = importlib.import_module(name)
    for exported in getattr(package, "__all__", ()):
        yield from _of_object(getattr(package, exported), set())


def _of_object(one: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    """What a function, or any method of a class, answers with; so for the parts that a class is made of."""
    if inspect.isfunction(one):
        yield from _models(_answer(one), seen)
    elif inspect.isclass(one) and one.__module__.startswith("ftkit") and one not in seen:
        seen.add(one)
        for name, member in inspect.getmembers(one):
            if name.startswith("_") and name != "__call__":
                continue
            function = member.fget if isinstance(member, property) else inspect.unwrap(member)
            if inspect.isfunction(function):
                yield from _models(_answer(function), seen)
        if "__init__" in vars(one) and not is_dataclass(one):
            yield from _parts(one, seen)


def _parts(one: type, seen: set[Any]) -> Iterator[type[BaseModel]]:
    """The classes of ``self.jobs = Jobs(...)``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(one.__init__)))  # type: ignore[misc]
    names = _names(sys.modules[one.__module__])
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made, target = node.value.func, node.targets[0]
            public = isinstance(target, ast.Attribute) and not target.attr.startswith("_")
            if public and isinstance(made, ast.Name) and inspect.isclass(part := names.get(made.id)):
                yield from _of_object(part, seen)


def _models(hint: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        yield hint
    elif inspect.isclass(hint) and hint.__module__.startswith("ftkit") and not issubclass(hint, Exception):
        yield from _of_object(hint, seen)
    for inner in get_args(hint):
        yield from _models(inner, seen)


def _answer(function: Any) -> Any:
    """What it says that it returns, with the names that only a type checker imports."""
    text = function.__annotations__.get("return")
    if not isinstance(text, str):
        return text
    try:
        return eval(text, _names(sys.modules[function.__module__]))
    except (NameError, TypeError):  # a type variable of a class
        return None


@cache
def _names(module: types.ModuleType) -> dict[str, Any]:
    names = {**vars(typing), **vars(module)}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ftkit"):
            source = importlib.import_module(node.module)
            names |= {
                a.asname or a.name: getattr(source, a.name) for a in node.names if hasattr(source, a.name)
            }
    return names


def made(model: type[BaseModel], text: str, depth: int = 3) -> BaseModel:
    """One of a class with ``text`` wherever it holds a text, and two of whatever it holds several of."""
    values = {name: _value(field.annotation, text, depth) for name, field in model.model_fields.items()}
    return model.model_construct(**values)


def _value(hint: Any, text: str, depth: int) -> Any:
    plain = {
        str: text,
        int: 3,
        float: 0.5,
        bool: True,
        bytes: b"b",
        Path: Path(text),
        timedelta: timedelta(hours=1),
        datetime: datetime(2026, 5, 1, 12, 0, 3, tzinfo=UTC),
        date: date(2026, 5, 1),
        Any: text,
        object: text,
        type(None): None,
    }
    if hint in plain:
        return plain[hint]
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return made(hint, text, depth - 1) if depth else hint.model_construct()
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return inner[0]
    if origin in (typing.Union, types.UnionType):
        return _value(next(one for one in inner if one is not type(None)), text, depth)
    if origin is typing.Annotated:
        return _value(inner[0], text, depth)
    if origin in (tuple, list, frozenset, set) or (inspect.isclass(origin) and issubclass(origin, Iterable)):
        return _several(origin, inner, text, depth)
    return hint() if inspect.isclass(hint) and hint.__module__ == "builtins" else None


def _several(origin: Any, inner: tuple[Any, ...], text: str, depth: int) -> Any:
    if issubclass(origin, Mapping):
        return {text: _value(inner[1], text, depth), "b": _value(inner[1], text, depth)}
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return tuple(_value(one, text, depth) for one in inner)
    kind = origin if origin in (tuple, list, set, frozenset) else tuple
    return kind([_value(inner[0], text, depth)] * 2) if inner and depth else kind()
