"""Makes the files of one scheduler from what is to be called, where and when."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ftkit.data import atomic_write
from ftkit.display.html import Shown
from ftkit.errors import UsageError, storage_error
from ftkit.lifecycle.scheduling.calendar import Calendar, parse_cron

Kind = Literal["cron", "systemd", "github-actions", "kubernetes", "airflow"]
KINDS: tuple[str, ...] = get_args(Kind)
_OWN_TIME = {"cron": "the machine's own time", "github-actions": "UTC"}
_ONLY_FOR = {
    "env_file": ("cron", "systemd"),
    "secrets": ("github-actions", "kubernetes"),
    "image": ("kubernetes",),
}
_KEYS = {  # where the keys of platforms come from
    "cron": "Name a file of NAME=value lines with --env-file.",
    "systemd": "Name a file of NAME=value lines with --env-file.",
    "github-actions": "Name the variables with --secret.",
    "kubernetes": "Name the variables with --secret.",
    "airflow": "Its workers' environment has the keys.",
}
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_ZONE = re.compile(r"^[A-Za-z0-9_+\-/]+$")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


class ScheduleOptions(BaseModel):
    """What a scheduler is to call, and when.

    ``cron`` are five fields; None is once a night, at a minute of the recipe's own. ``timezone`` is a
    name such as ``Europe/Berlin``; None leaves it to the scheduler. ``arguments`` follow the recipe in
    ``ftkit retrain``. ``folder`` is the directory in which it is called, ``program`` the command.
    ``env_file`` holds the keys as ``NAME=value`` lines (cron, systemd); ``secrets`` are the names of
    variables that the scheduler keeps (GitHub, Kubernetes); ``image`` is the container's (Kubernetes).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str = Field(min_length=1)
    cron: str | None = None
    timezone: str | None = None
    arguments: tuple[str, ...] = ()
    name: str | None = None
    folder: Path = Path()
    program: str = "ftkit"
    env_file: Path | None = None
    secrets: tuple[str, ...] = ()
    image: str = "ftkit:latest"

    @field_validator("secrets", mode="after")
    @classmethod
    def _variables(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        for name in secrets:
            if not _VARIABLE.match(name):
                raise UsageError(f"{name!r} is no name of an environment variable")
        return secrets

    @field_validator("timezone")
    @classmethod
    def _zone(cls, timezone: str | None) -> str | None:
        if timezone is not None and not _ZONE.match(timezone):
            raise UsageError(f"{timezone!r} is no time zone", hint="It looks like Europe/Berlin.")
        return timezone

    @cached_property
    def called(self) -> str:
        """The name of the files, jobs and units: small letters, digits and ``-``, at most 40."""
        given = self.name or f"ftkit-retrain-{Path(self.recipe).name}"
        return _NO_LETTER.sub("-", given.lower()).strip("-")[:40].strip("-") or "ftkit-retrain"

    @cached_property
    def calendar(self) -> Calendar:
        """When. Raises UsageError for fields that are none."""
        if self.cron is not None:
            return parse_cron(self.cron)
        spread = int(hashlib.sha256(self.called.encode()).hexdigest(), 16)
        return Calendar((spread % 60,), (3,), None, None, None)

    @property
    def words(self) -> list[str]:
        """The command as its words."""
        return [self.program, "retrain", self.recipe, *self.arguments]


class ScheduleFile(Shown, BaseModel):
    """One file: ``path`` is where it belongs within the folder that it is written to."""

    model_config = ConfigDict(frozen=True)

    path: str
    text: str


class Schedule(Shown, BaseModel):
    """The files of one scheduler and, in ``steps``, what a person does with them. ``cron`` says when."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    name: str
    cron: str
    files: tuple[ScheduleFile, ...]
    steps: tuple[str, ...]
    written: tuple[Path, ...] = ()

    def write(self, folder: Path, *, overwrite: bool = False) -> Schedule:
        """Write the files into ``folder``; the schedule with their places in ``written``.

        Raises UsageError where one is there with another content and is not to be overwritten.
        """
        places = tuple(folder / file.path for file in self.files)
        for place, file in zip(places, self.files, strict=True):
            if not overwrite and place.exists() and place.read_text("utf-8") != file.text:
                raise UsageError(
                    "this file is there, and differs",
                    where=str(place),
                    hint="Say --overwrite to replace it, or name another folder with --out.",
                )
        for place, file in zip(places, self.files, strict=True):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, place.parent) from error
            atomic_write(place, file.text)
        return self.model_copy(update={"written": places})


class _Made(BaseModel):
    files: dict[str, str]  # the template of each path
    steps: tuple[str, ...]


def schedule(kind: str, options: ScheduleOptions) -> Schedule:
    """The files of a scheduler. Nothing is written, started or asked.

    Raises UsageError for a kind that is none, times that cannot be read, and a command that a scheduler's
    file cannot hold.
    """
    if kind not in KINDS:
        raise UsageError(f"no scheduler is called {kind!r}", hint=f"Known are {', '.join(KINDS)}.")
    for word in (*options.words, str(options.folder)):
        if any(ord(character) < 32 for character in word):
            raise UsageError(f"{word!r} has a character that a schedule cannot hold")
    if options.timezone is not None and (own := _OWN_TIME.get(kind)) is not None:
        raise UsageError(f"{kind} runs in {own}", hint="Say the time in that, and leave --timezone away.")
    for name, kinds in _ONLY_FOR.items():
        if kind not in kinds and getattr(options, name) != ScheduleOptions.model_fields[name].default:
            flag = "secret" if name == "secrets" else name.replace("_", "-")
            raise UsageError(
                f"{kind} knows no --{flag}", hint=f"That is for {' and '.join(kinds)}. {_KEYS[kind]}"
            )
    made = _MAKERS[kind](options)
    values = _values(options)
    files = tuple(
        ScheduleFile(path=path, text=_rendered(template, values)) for path, template in made.files.items()
    )
    return Schedule.model_validate(
        {
            "kind": kind,
            "name": options.called,
            "cron": options.calendar.cron,
            "files": files,
            "steps": made.steps,
        }
    )


def _cron(options: ScheduleOptions) -> _Made:
    file = f"{options.called}.crontab"
    return _Made(files={file: "cron.crontab.j2"}, steps=(f"(crontab -l; cat {file}) | crontab -",))


def _systemd(options: ScheduleOptions) -> _Made:
    service, timer = f"{options.called}.service", f"{options.called}.timer"
    return _Made(
        files={service: "systemd.service.j2", timer: "systemd.timer.j2"},
        steps=(
            "mkdir -p ~/.config/systemd/user",
            f"cp {service} {timer} ~/.config/systemd/user/",
            "systemctl --user daemon-reload",
            f"systemctl --user enable --now {timer}",
            "loginctl enable-linger",
        ),
    )


def _github(options: ScheduleOptions) -> _Made:
    file = f".github/workflows/{options.called}.yml"
    return _Made(
        files={file: "github-actions.yml.j2"},
        steps=(
            *(f"gh secret set {name}" for name in options.secrets),
            f"git add {file} && git commit -m {shlex.quote('Retrain on a schedule')} && git push",
            f"gh workflow run {options.called}.yml",
        ),
    )


def _kubernetes(options: ScheduleOptions) -> _Made:
    name = options.called
    values = " ".join(f'--from-literal={secret}="${secret}"' for secret in options.secrets)
    return _Made(
        files={f"{name}.yaml": "kubernetes.yaml.j2"},
        steps=(
            *([f"kubectl create secret generic {name} {values}"] if values else []),
            f"kubectl apply -f {name}.yaml",
            f"kubectl create job --from=cronjob/{name} {name}-by-hand",
        ),
    )


def _airflow(options: ScheduleOptions) -> _Made:
    file = f"{options.called.replace('-', '_')}.py"
    return _Made(
        files={file: "airflow.py.j2"},
        steps=(f"cp {file} $AIRFLOW_HOME/dags/", f"airflow dags test {options.called}"),
    )


_MAKERS: dict[str, Callable[[ScheduleOptions], _Made]] = {
    "cron": _cron,
    "systemd": _systemd,
    "github-actions": _github,
    "kubernetes": _kubernetes,
    "airflow": _airflow,
}


def _values(options: ScheduleOptions) -> dict[str, Any]:
    return {
        "name": options.called,
        "title": " ".join(options.recipe.split()),
        "options": options,
        "cron": options.calendar.cron,
        "on_calendar": options.calendar.systemd(options.timezone),
        "shell": shlex.join(options.words),
        "words": options.words,
    }


def _rendered(template: str, values: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # nothing of it is HTML; every value goes through the filter of its format
    environment = Environment(
        loader=PackageLoader("ftkit.lifecycle.scheduling"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        variable_start_string="<<",
        variable_end_string=">>",
    )
    environment.filters |= {
        "sh": shlex.quote,
        "cron": lambda text: text.replace("%", "\\%"),
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "python": repr,
        "systemd": _systemd_word,
        "specifier": lambda text: text.replace("%", "%%"),
        "untemplated": _untemplated,
    }
    return environment.get_template(template).render(values)


def _systemd_word(word: str) -> str:
    """A word of ``ExecStart=``: quoted, with what systemd would expand doubled (systemd.service)."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if plain != word or re.search(r"[\s';]", word) or not word else word


def _untemplated(text: str) -> str:
    """A text that Airflow renders as a template, so that it stays as it is."""
    return f"{{% raw %}}{text}{{% endraw %}} " if "{" in text else f"{text} "
