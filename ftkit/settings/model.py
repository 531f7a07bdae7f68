"""What can be set, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ftkit.catalog import Catalog, RuleLevel, builtin_catalog


class ValidationSettings(BaseModel):
    """``[validation]``: which rules ``ftkit validate`` asks, and how; the command line is stronger.

    ``select`` and ``ignore`` name rules by code, name or the beginning of codes; ``severity`` gives them
    another one, or ``off``; ``params`` sets rules' parameters, as ``"FT502.similarity" = 0.85`` or with a
    table for each rule; ``validators`` are Python files of further rules.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: dict[str, RuleLevel] = {}
    params: dict[str, Any] = {}
    validators: tuple[Path, ...] = ()

    @field_validator("params")
    @classmethod
    def _flat(cls, params: dict[str, Any]) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for code, value in params.items():
            flat |= {f"{code}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {code: value}
        return flat


class LedgerSettings(BaseModel):
    """``[ledger]``: where what was done, and names of models, are kept; in the state directory if not said.

    ``url`` is the address of a database in SQLAlchemy's form, for teams whose jobs run on several machines. A
    password does not belong in a file: ``FTKIT_LEDGER_URL`` may hold one, and PostgreSQL's own client reads
    ``PGPASSWORD`` and ``~/.pgpass``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_+]*://", repr=False)


class Settings(BaseModel):
    """Every setting. In files they stand at the top level, in the environment as ``FTKIT_NAME``.

    ``timeout`` and ``poll_seconds`` are seconds. ``budget`` is what all fine-tuning jobs on one platform may
    cost within 30 days, in US dollars. ``platform`` None means that nobody chose one:
    ftkit then uses the local platform and starts it by itself. ``files`` are the configuration
    files that were read, weakest first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str | None = None
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    state_dir: Path = Path(".ftkit")
    runs_dir: Path = Path("runs")
    timeout: float = Field(default=60.0, gt=0)
    max_retries: int = Field(default=4, ge=0, le=20)
    poll_seconds: float | None = Field(default=None, gt=0)
    budget: float | None = Field(default=None, ge=0)
    providers: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    validation: ValidationSettings = ValidationSettings()
    ledger: LedgerSettings = LedgerSettings()
    files: tuple[Path, ...] = ()

    @field_validator("state_dir", "runs_dir")
    @classmethod
    def _from_home(cls, path: Path) -> Path:
        try:
            return path.expanduser()
        except RuntimeError as error:
            raise ValueError(f"there is no home directory for {path.parts[0]}") from error

    @cached_property
    def catalog(self) -> Catalog:
        """The built-in catalog with these settings' providers and models laid over it."""
        return builtin_catalog().extended(self.providers, self.models)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some settings changed; its catalog is made of its own providers and models."""
        made = super().model_copy(update=update, deep=deep)
        if update and not update.keys().isdisjoint(("providers", "models")):
            vars(made).pop("catalog", None)  # pydantic copies what was cached, too
        return made

    @property
    def platform_name(self) -> str:
        """The platform to talk to: the chosen one, ``custom`` where only an address is set, or ``local``."""
        return self.platform or ("custom" if self.base_url else "local")

    @property
    def local_state(self) -> Path:
        """Directory of the local platform's state."""
        return self.state_dir / "local"
