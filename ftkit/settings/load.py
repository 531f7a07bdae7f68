"""Puts settings together: user file, project file, environment, command line, rising in strength."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftkit.catalog import builtin_catalog
from ftkit.errors import ConfigurationError, Fault, UsageError, Where
from ftkit.settings.model import Settings
from ftkit.settings.toml import faults_of, line_of, parse_toml

PROJECT_FILE = "ftkit.toml"
_FROM_ENVIRONMENT = (
    "platform",
    "base_url",
    "state_dir",
    "runs_dir",
    "timeout",
    "max_retries",
    "poll_seconds",
)
_KEY_NAMES = {"api_key", "key", "token", "secret"}


def user_config_file() -> Path:
    """``~/.config/ftkit/config.toml``; ``FTKIT_CONFIG_DIR`` and ``XDG_CONFIG_HOME`` are honoured."""
    if folder := os.environ.get("FTKIT_CONFIG_DIR"):
        return Path(folder) / "config.toml"
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "ftkit" / "config.toml"


def project_config_file(start: Path | None = None) -> Path | None:
    """``ftkit.toml`` in ``start`` (the working directory) or the nearest folder above it."""
    here = (start or Path.cwd()).resolve()
    return next((f for d in (here, *here.parents) if (f := d / PROJECT_FILE).is_file()), None)


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """All settings. ``config`` replaces the project file; ``overrides`` (None is "not given") win.

    Raises ConfigurationError with every fault of every file at once, and UsageError where
    ``config`` is not there.
    """
    chosen = config or (Path(env) if (env := os.environ.get("FTKIT_CONFIG")) else None)
    if chosen is not None and not chosen.is_file():
        raise UsageError("the configuration file is not there", where=str(chosen))
    project = chosen or project_config_file()
    faults: list[Fault] = []
    merged: dict[str, Any] = {"providers": {}, "models": {}}
    files = [f for f in (user_config_file(), project) if f is not None and f.is_file()]
    for file in files:
        _merge(merged, _read(file, faults))
    environment = _environment(faults)
    if faults:
        raise ConfigurationError(
            "the configuration has faults:", faults=faults, hint="Mend these places and try again."
        )
    given = {name: value for name, value in overrides.items() if value is not None}
    return Settings(**{**merged, **environment, **given, "files": tuple(files)})


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key in ("providers", "models"):
            for name, entry in value.items():
                into[key][name] = {**into[key].get(name, {}), **entry}
        else:
            into[key] = value


def _read(file: Path, faults: list[Fault]) -> dict[str, Any]:
    """The checked tables of one file; relative directories are taken from the file's own folder."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(
            Fault(Where(file), f"not UTF-8: byte {error.start} is {error.object[error.start]:#04x}")
        )
        return {}
    except OSError as error:
        faults.append(Fault(Where(file), f"cannot be read: {error.strerror}"))
        return {}
    table, found = parse_toml(text, file)
    found += _secrets(table, text, file)
    table = {k: v for k, v in table.items() if k not in _KEY_NAMES}
    try:
        Settings(**table)
    except ValidationError as error:
        found += faults_of(error, text, file)
    found += _catalog_faults(table, text, file)
    faults += sorted(found, key=lambda fault: fault.where.line or 0)
    if found:
        return {}
    for name in ("state_dir", "runs_dir"):
        if name in table:
            table[name] = file.resolve().parent / table[name]
    return table


def _catalog_faults(table: Mapping[str, Any], text: str, file: Path) -> list[Fault]:
    """Faults of the provider and model tables, each checked alone so that one does not hide another."""
    faults: list[Fault] = []
    for kind in ("providers", "models"):
        entries = table.get(kind)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            if not isinstance(entry, Mapping):
                continue  # said by the check of the whole file
            one = {name: {k: v for k, v in entry.items() if k not in _KEY_NAMES}}
            try:
                builtin_catalog().extended(
                    one if kind == "providers" else {}, one if kind == "models" else {}
                )
            except ValidationError as error:
                faults += faults_of(error, text, file, under=(kind, name))
    return faults


def _secrets(table: Mapping[str, Any], text: str, file: Path, under: tuple[str, ...] = ()) -> list[Fault]:
    faults = []
    for key, value in table.items():
        path = (*under, key)
        if key in _KEY_NAMES and isinstance(value, str):
            message = f"{'.'.join(path)}: a key does not belong in a file; name its variable with key_env"
            faults.append(Fault(Where(file, line_of(text, path)), message))
        elif isinstance(value, Mapping):
            faults += _secrets(value, text, file, path)
    return faults


def _environment(faults: list[Fault]) -> dict[str, Any]:
    values = {n: v for n in _FROM_ENVIRONMENT if (v := os.environ.get(f"FTKIT_{n.upper()}", "").strip())}
    try:
        Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        for item in error.errors():
            name = f"FTKIT_{str(item['loc'][0]).upper()}"
            faults.append(Fault(Where("environment"), f"{name}: {item['msg']}, got {item['input']!r}"))
    return values
