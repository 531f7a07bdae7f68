"""Lets no file through to a platform that has not passed validation for it.

What has passed is remembered by its content in the ledger, together with the rules that were asked,
so that the same file costs nothing the second time. Quality rules are not asked: they warn, and are slow.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from ftkit.data import canonical_json, sha256_file
from ftkit.display import Display
from ftkit.display.html import Shown
from ftkit.errors import TokenizerMissing, UsageError, ValidationFailed, Where

if TYPE_CHECKING:
    from ftkit.catalog import Model, Provider
    from ftkit.catalog.schema import TuningMethod
    from ftkit.ledger import Ledger
    from ftkit.settings import Settings
    from ftkit.validation import ValidationReport
    from ftkit.validation.options import Counts

Part: TypeAlias = Literal["training", "validation"]
_QUALITY = "FT5"
_ONLY_OF_TRAINING = "FT112"  # the least number of examples is asked of what is trained on
_VERSION = 1


class Passed(Shown, BaseModel):
    """A file that may go to a platform. ``tokens`` are those of one epoch that are trained on.

    They are None where they were not counted: ``uncounted`` says why. ``remembered``: nothing was
    checked now, the ledger knew.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    platform: str
    rows: int
    tokens: int | None = None
    uncounted: str | None = None
    remembered: bool = False


class Gate:
    """The check of files for one model on one platform."""

    def __init__(
        self,
        settings: Settings,
        provider: Provider,
        ledger: Ledger,
        *,
        model: str | None = None,
        method: TuningMethod | None = None,
        display: Display | None = None,
    ) -> None:
        self.settings, self.provider, self.ledger = settings, provider, ledger
        self.model = counted_as(settings, provider, model) if model else None
        self.method: TuningMethod | None = method
        self.display = display

    def check(self, path: Path, part: Part = "training") -> Passed:
        """What is known of a file that passes. Raises ValidationFailed where it does not."""
        return self._looked_into(path, part, refuse=True)

    def count(self, path: Path) -> Passed:
        """What is known of a training file that is sent as it is; whatever is wrong in it is let through."""
        return self._looked_into(path, "training", refuse=False)

    def known(self, sha256: str, part: Part = "training") -> dict[str, Any] | None:
        """The facts of content that has passed before; None where it has not."""
        return self.ledger.passed(sha256, self.provider.name, self._fingerprint(part))

    def _looked_into(self, path: Path, part: Part, *, refuse: bool) -> Passed:
        if not path.is_file():
            raise UsageError(f"the {part} file is not there", where=str(path))
        rules, sha256 = self._fingerprint(part), sha256_file(path)
        if (known := self.ledger.passed(sha256, self.provider.name, rules)) is not None:
            return Passed(path=path, sha256=sha256, platform=self.provider.name, remembered=True, **known)
        facts, report = self._checked(path, part)
        if report.ok:
            self.ledger.remember_pass(sha256, self.provider.name, rules, **facts)
        elif refuse:
            raise self._refusal(path, report)
        return Passed(path=path, sha256=sha256, platform=self.provider.name, **facts)

    def _checked(self, path: Path, part: Part) -> tuple[dict[str, Any], ValidationReport]:
        uncounted = None
        try:
            report = self._report(path, part, "exact" if part == "training" else "limits")
        except TokenizerMissing as error:
            uncounted = error.message
            report = self._report(path, part, "bound")
        fit = report.fits[0] if report.fits else None
        tokens = fit.billable_tokens if fit is not None else None
        if tokens is None and uncounted is None and part == "validation":
            uncounted = "a validation file is not trained on"
        elif tokens is None and uncounted is None:
            uncounted = "the model's tokenizer is not known" if self.model else "the model is not known"
        uncounted = uncounted if tokens is None else None
        return {"rows": report.accepted, "tokens": tokens, "uncounted": uncounted}, report

    def _report(self, path: Path, part: Part, counts: Counts) -> ValidationReport:
        from ftkit.validation import ValidateOptions, validate

        ignored = (_QUALITY, *((_ONLY_OF_TRAINING,) if part == "validation" else ()))
        return validate(
            path,
            models=[self.model.id] if self.model is not None and self.model.tokenizer else [],
            platform=self.provider.name,
            settings=self.settings,
            options=ValidateOptions(ignore=ignored, method=self.method, counts=counts, max_findings=20),
            display=self.display,
        )

    def _refusal(self, path: Path, report: ValidationReport) -> ValidationFailed:
        errors = [finding for finding in report.findings if finding.severity == "error"]
        first = next((f for f in errors if f.line is not None), errors[0] if errors else None)
        count = f"{report.errors:,} error{'s' if report.errors != 1 else ''}"
        what = f"; the first: {first.code} {first.message}" if first else ""
        option = "" if self.provider.local else f" --platform {self.provider.name}"
        model = f" --model {self.model.id}" if self.model is not None else ""
        method = f" --method {self.method}" if self.method not in (None, "sft") else ""
        return ValidationFailed(
            f"the file has not passed validation for {self.provider.title}: {count}{what}",
            report=report,
            where=Where(path, first.line, first.column) if first else Where(path),
            hint=f"Every finding: ftkit validate {path}{option}{model}{method}\n"
            "To send it as it is: --no-validate, validate=False.",
        )

    def _fingerprint(self, part: Part) -> str:
        """What a pass depends on beside the content: rules and their versions, limits, settings, model."""
        from ftkit import __version__
        from ftkit.validation.plugins import GROUP

        plug_ins = sorted(
            (p.name, p.value, p.dist.version if p.dist else "") for p in entry_points(group=GROUP)
        )
        own = self.settings.validation
        files = [sha256_file(file) for file in own.validators if file.is_file()]
        model = None
        if self.model is not None:
            model = self.model.model_dump(mode="json", include={"id", "tokenizer", "chat_template", "limits"})
        parts = [
            _VERSION,
            __version__,
            plug_ins,
            own.model_dump(mode="json"),
            files,
            self.provider.rules,
            self.provider.limits.model_dump(mode="json"),
            model,
            self.method,
            part,
        ]
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:32]


def check_for(
    platform: str,
    path: str | Path,
    *,
    settings: Settings | None = None,
    ledger: Ledger | None = None,
    model: str | None = None,
    method: TuningMethod | None = None,
    part: Part = "training",
    display: Display | None = None,
) -> Passed:
    """Check a file for a platform (its name), unless the ledger remembers that it has passed.

    ``model`` is the one to be tuned: its context is a limit, its tokens are counted. Raises UsageError
    where the file is not there, ValidationFailed where it has errors; warnings do not refuse.
    """
    from ftkit.ledger import open_ledger
    from ftkit.settings import load_settings

    config = settings if settings is not None else load_settings()
    book = ledger if ledger is not None else open_ledger(config, display=display)
    provider = config.catalog.provider(platform)
    return Gate(config, provider, book, model=model, method=method, display=display).check(Path(path), part)


def counted_as(settings: Settings, provider: Provider, model: str) -> Model | None:
    """The catalog's entry to count a model's tokens by; None where it is not known.

    A local platform counts every model, stand-ins for hosted ones too, as its own engine does; a
    platform that lists no models may serve any other's.
    """
    catalog = settings.catalog
    if (found := catalog.model(model, provider.name)) is not None:
        return found
    own = catalog.models(provider.name)
    if provider.local:
        return own[0] if own else None
    return catalog.model(model) if not own else None
