"""Finds the Python objects that a person names as ``module:attribute``: hooks of models, metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.settings.model import Settings


def named_object(reference: str, settings: Settings | None = None, *, what: str = "object") -> Any:
    """The object ``module:attribute``; ``what`` it is wanted as stands in the errors.

    The module is looked for where Python looks, then beside the configuration files of ``settings`` (the
    project's before the person's), then in the working directory; these folders stay on ``sys.path``, so
    that the module can import its neighbours later. Its code is run. Raises UsageError where there is no
    such module or attribute, or where the module cannot be imported.
    """
    name, _, path = reference.partition(":")
    if not name or not path:
        raise UsageError(f"{reference!r} is no name of a {what}", hint="It looks like module:attribute.")
    _look_in(_folders(settings))
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _not_imported(what, reference, error) from error
        raise UsageError(
            f"there is no module {name!r} for the {what} {reference!r}",
            hint="Put its file beside ftkit.toml or into the working directory, or install it.",
        ) from error
    except Exception as error:  # whatever a person's module raises as it is run
        raise _not_imported(what, reference, error) from error
    try:
        return reduce(getattr, path.split("."), module)
    except AttributeError as error:
        place = getattr(module, "__file__", None) or name
        raise UsageError(f"the {what} {reference!r} is not there: {error}", where=str(place)) from error


def _folders(settings: Settings | None) -> list[Path]:
    files = settings.files if settings is not None else ()
    return [*(file.resolve().parent for file in reversed(files)), Path.cwd()]


def _look_in(folders: Iterable[Path]) -> None:
    """Last of all: a file of a person must not take the place of an installed package."""
    sys.path += dict.fromkeys(str(folder) for folder in folders if str(folder) not in sys.path)


def _not_imported(what: str, reference: str, error: Exception) -> UsageError:
    return UsageError(f"the {what} {reference!r} cannot be imported: {type(error).__name__}: {error}")
