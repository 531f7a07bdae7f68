"""Puts settings together: user file, project file, environment, command line, rising in strength."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ftkit.catalog import builtin_catalog, overlay
from ftkit.errors import ConfigurationError, Fault, UsageError, Where
from ftkit.settings.keys import redact
from ftkit.settings.model import Settings
from ftkit.settings.toml import faults_of, line_of, parse_toml, said_of

PROJECT_FILE = "ftkit.toml"
_FROM_ENVIRONMENT = (
    "platform",
    "base_url",
    "state_dir",
    "runs_dir",
    "timeout",
    "max_retries",
    "poll_seconds",
    "budget",
)
_LEDGER_URL = "FTKIT_LEDGER_URL"
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


class _ConfigFile(NamedTuple):
    """One file: ``table`` as it was parsed, ``sound`` what is taken from it (nothing where it has faults)."""

    path: Path
    text: str = ""
    table: Mapping[str, Any] = {}
    sound: Mapping[str, Any] = {}
    faults: Sequence[Fault] = ()


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """All settings. ``config`` replaces the project file; ``overrides`` (None is "not given") win.

    Raises ConfigurationError with every fault of every file at once, and UsageError where
    ``config`` is not there or an override is wrong.
    """
    chosen = config or (Path(env) if (env := os.environ.get("FTKIT_CONFIG")) else None)
    if chosen is not None and not chosen.is_file():
        raise UsageError("the configuration file is not there", where=str(chosen))
    project = chosen or project_config_file()
    files = [_read(f) for f in (user_config_file(), project) if f is not None and f.is_file()]
    environment, faults = _environment()
    faults = [*_faults(files), *faults]
    if faults:
        raise ConfigurationError(
            "the configuration has faults:", faults=faults, hint="Mend these places and try again."
        )
    merged: dict[str, Any] = {}
    for file in files:
        merged = overlay(merged, file.sound)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        together = overlay(merged, environment) | given
        return Settings(**{**together, "files": tuple(file.path for file in files)})
    except ValidationError as error:
        said = [said_of(item, ".".join(str(k) for k in item["loc"])) for item in error.errors()]
        raise UsageError("; ".join(said)) from error


def _read(file: Path) -> _ConfigFile:
    """The checked tables of one file; relative directories are taken from the file's own folder."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        return _ConfigFile(file, faults=[Fault(Where(file), message)])
    except OSError as error:
        return _ConfigFile(file, faults=[Fault(Where(file), f"cannot be read: {error.strerror}")])
    table, faults = parse_toml(text, file)
    faults += [*_secrets(table, text, file), *_password(table, text, file)]
    open_table = {k: v for k, v in table.items() if k not in _KEY_NAMES}
    try:
        Settings(**open_table)
    except ValidationError as error:
        faults += faults_of(error, text, file)
    faults += _catalog_faults(open_table, text, file)
    if "files" in table:  # a field of Settings that no file may set
        faults.append(Fault(Where(file, line_of(text, ["files"])), "unknown key 'files'"))
    if faults:
        return _ConfigFile(file, text, table, faults=faults)
    folder = file.resolve().parent
    places: dict[str, Any] = {
        n: folder / Path(table[n]).expanduser() for n in ("state_dir", "runs_dir") if n in table
    }
    if "validators" in (own := table.get("validation", {})):
        here = [folder / Path(file).expanduser() for file in own["validators"]]
        places["validation"] = {**own, "validators": here}
    return _ConfigFile(file, text, table, sound={**table, **places})


def _faults(files: Sequence[_ConfigFile]) -> list[Fault]:
    """The faults of all files, in order; a platform may be named in one file and described in another."""
    known = {provider.name for provider in builtin_catalog().providers()}
    for file in files:
        known |= set(_tables(file.table, "providers"))
    faults: list[Fault] = []
    for file in files:
        found = [*file.faults, *_unknown_providers(file, known)]
        faults += sorted(found, key=lambda fault: fault.where.line or 0)
    return faults


def _unknown_providers(file: _ConfigFile, known: Set[str]) -> Iterator[Fault]:
    named: list[tuple[tuple[str, ...], Any]] = [(("platform",), file.table.get("platform"))]
    for name, entry in _tables(file.table, "models").items():
        named.append((("models", name, "provider"), entry.get("provider")))
    for keys, value in named:
        if isinstance(value, str) and value not in known:
            message = (
                f"{'.'.join(keys)}: no platform is called {value!r}; known are {', '.join(sorted(known))}"
            )
            yield Fault(Where(file.path, line_of(file.text, keys)), message)


def _tables(table: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """The tables within the table ``kind``; what is none is said by the check of the whole file."""
    entries = table.get(kind)
    found = entries.items() if isinstance(entries, Mapping) else ()
    return {name: entry for name, entry in found if isinstance(entry, Mapping)}


def _catalog_faults(table: Mapping[str, Any], text: str, file: Path) -> list[Fault]:
    """Faults of the provider and model tables, each checked alone so that one does not hide another."""
    faults: list[Fault] = []
    for kind, own in (("providers", "name"), ("models", "id")):
        for name, entry in _tables(table, kind).items():
            if entry.get(own, name) != name:
                message = (
                    f"{kind}.{name}.{own}: it stands in the table's header already; use title for people"
                )
                faults.append(Fault(Where(file, line_of(text, (kind, name, own))), message))
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


def _password(table: Mapping[str, Any], text: str, file: Path) -> Iterator[Fault]:
    """The fault of a database's address with a password in it."""
    ledger = table.get("ledger")
    url = ledger.get("url") if isinstance(ledger, Mapping) else None
    if isinstance(url, str) and redact(url) != url:
        message = f"ledger.url: a password does not belong in a file; leave it away, or set {_LEDGER_URL}"
        yield Fault(Where(file, line_of(text, ("ledger", "url"))), message)


def _environment() -> tuple[dict[str, Any], list[Fault]]:
    given = {name: os.environ.get(f"FTKIT_{name.upper()}", "").strip() for name in _FROM_ENVIRONMENT}
    values: dict[str, Any] = {name: value for name, value in given.items() if value}
    if url := os.environ.get(_LEDGER_URL, "").strip():
        values["ledger"] = {"url": url}
    try:
        Settings(**values)
    except ValidationError as error:
        names = [(item, f"FTKIT_{'_'.join(map(str, item['loc'])).upper()}") for item in error.errors()]
        return values, [Fault(Where("environment"), said_of(item, name)) for item, name in names]
    return values, []
