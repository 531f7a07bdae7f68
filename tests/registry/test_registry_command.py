"""``ftkit models``: promote, rollback, history, resolve, names and card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ftkit.registry import Lineage, Registry
from ftkit.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
LOCAL = Lineage(platform="local")


@pytest.fixture
def two(registry: Registry, lineage: Lineage) -> Registry:
    """A name that stands for its second model."""
    registry.promote("sentiment", "ft:1", lineage, reason="the first")
    registry.promote("sentiment", "ft:2", lineage, reason="better")
    return registry


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_promote_says_what_it_did_and_where_the_card_is(here: Command, registry: Registry) -> None:
    text = said(here("models", "promote", "sentiment", "gpt-x", "--unchecked", "--reason", "by hand"))
    assert text.startswith("sentiment@champion stands for gpt-x (version 1)\ncard: ")
    assert Path(text.split("card: ")[1].strip()).is_file()
    assert registry.history("sentiment")[0].reason == "by hand"
    again = said(here("models", "promote", "sentiment", "gpt-x", "--unchecked"))
    assert again.startswith("sentiment@champion already stands for gpt-x")


def test_promote_needs_a_model_or_a_run(here: Command, tmp_path: Path) -> None:
    done = here("models", "promote", "sentiment")
    assert done.returncode == 2 and "no model is named" in done.stderr and "--run" in done.stderr
    done = here("models", "promote", "sentiment", "--run", str(tmp_path))
    assert done.returncode == 2 and "no run has ended in this folder" in done.stderr


def test_rollback_says_both_models(here: Command, two: Registry) -> None:
    text = said(here("models", "rollback", "sentiment", "--expected", "2", "--unchecked"))
    assert "stands again for ft:1 (version 1) in place of ft:2 (version 2)" in text
    done = here("models", "rollback", "sentiment", "--expected", "2", "--unchecked")
    assert done.returncode == 2 and "somebody moved it meanwhile" in done.stderr
    assert two.resolve("sentiment").model == "ft:1"


def test_resolve_prints_the_model_alone(here: Command, two: Registry) -> None:
    assert said(here("models", "resolve", "sentiment")) == "ft:2\n"
    assert said(here("models", "resolve", "sentiment@1")) == "ft:1\n"
    found = json.loads(said(here("models", "resolve", "sentiment@champion", "--json")))
    assert (found["model"], found["version"], found["platform"]) == ("ft:2", 2, "local")
    done = here("models", "resolve", "mood")
    assert done.returncode == 2 and "Known are sentiment." in done.stderr and done.stdout == ""


def test_history_tells_the_story(here: Command, two: Registry) -> None:
    two.rollback("sentiment", reason="worse in use")
    text = said(here("models", "history", "sentiment"))
    places = [text.index(word) for word in ("the first", "better", "rolled back", "worse in use")]
    assert places == sorted(places)
    moves = json.loads(said(here("models", "history", "sentiment", "--json")))
    assert [(move["before"], move["version"]) for move in moves] == [(None, 1), (1, 2), (2, 1)]


def test_names_lists_and_writes_the_file_for_applications(
    here: Command, two: Registry, tmp_path: Path
) -> None:
    two.register("kept", "ft:9", LOCAL)
    out = tmp_path / "deep" / "models.json"
    text = said(here("models", "names", "--out", str(out)))
    assert "sentiment@champion" in text and "ft:2" in text and "kept" in text
    expected = {"model": "ft:2", "version": 2, "platform": "local", "base_url": None}
    assert json.loads(out.read_text()) == {"models": {"kept": {}, "sentiment": {"champion": expected}}}


def test_card_prints_markdown_and_json(here: Command, two: Registry) -> None:
    assert said(here("models", "card", "sentiment")).startswith("---\n")
    assert "# sentiment, version 1" in said(here("models", "card", "sentiment@1"))
    assert json.loads(said(here("models", "card", "sentiment", "--json")))["version"]["model"] == "ft:2"


def test_the_card_for_the_hub_is_exported(here: Command, two: Registry, tmp_path: Path) -> None:
    out = tmp_path / "card"
    call = (
        "models",
        "export",
        "sentiment",
        "--to",
        "huggingface",
        "--out",
        str(out),
        "--card-only",
        "--json",
    )
    first, second = (json.loads(said(here(*call))) for _ in range(2))
    assert (first["new"], second["new"], first["version"]) == (True, False, "2")
    assert (out / "README.md").read_text("utf-8").startswith("---\n")
    (out / "README.md").write_text("# My own words\n")
    done = here(*call)
    assert done.returncode == 2 and "left as it is" in done.stderr
    assert (out / "README.md").read_text() == "# My own words\n"


def test_the_card_of_a_hosted_model_stands_alone(here: Command, registry: Registry, tmp_path: Path) -> None:
    registry.promote("hosted", "ft:gpt-x", Lineage(platform="openai", base_model="gpt-4.1-mini"))
    text = said(here("models", "export", "hosted", "--to", "hf", "--out", str(tmp_path / "card")))
    assert "OpenAI keeps the weights of the model: the folder holds its card alone." in text
    assert len(list((tmp_path / "card").iterdir())) == 2


def test_a_promotion_that_must_be_the_first(here: Command, two: Registry) -> None:
    call = ("models", "promote", "sentiment", "ft:3", "--unchecked", "--expected", "0")
    done = here(*call)
    assert done.returncode == 2 and "stands for version 2 now" in done.stderr
    assert "models history sentiment" in done.stderr
    assert said(here(*call, "--alias", "next")).startswith("sentiment@next stands for ft:3 (version 3)")


def test_a_machine_beside_writes_the_file_anew(here: Command, two: Registry, settings: Settings) -> None:
    names = settings.state_dir / "registry" / "models.json"
    names.unlink()
    said(here("models", "names", "--out", str(names)))
    assert json.loads(names.read_text())["models"]["sentiment"]["champion"]["model"] == "ft:2"


@pytest.mark.parametrize("command", ["promote", "rollback", "history", "resolve", "card"])
def test_a_bad_name_is_told_before_anything_is_made(here: Command, settings: Settings, command: str) -> None:
    call = ["models", command, "No Name", *(["ft:1", "--unchecked"] if command == "promote" else [])]
    done = here(*call)
    assert done.returncode == 2 and done.stdout == ""
    assert "'No Name'" in done.stderr and "Small letters" in done.stderr
    assert not (settings.state_dir / "registry").exists()


@pytest.mark.parametrize(
    ("alias", "code"), [("champion", 2), ("Champion", 2), ("1", 2), ("a b", 2), ("blue.green-1", 0)]
)
def test_aliases_that_can_be_given(here: Command, two: Registry, alias: str, code: int) -> None:
    call = ["models", "promote", "sentiment", "ft:1", "--unchecked", "--alias", alias, "--expected", "0"]
    assert here(*call).returncode == code


def test_nothing_is_listed_before_anything_is_named(here: Command, settings: Settings) -> None:
    assert json.loads(said(here("models", "names", "--json"))) == []
    assert "ftkit models promote" in said(here("models", "names"))
    assert not settings.state_dir.exists()


@pytest.mark.parametrize("target", ["mlflow", "wandb"])
def test_an_export_without_its_package_says_what_to_install(
    here: Command, two: Registry, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, target, None)
    done = here("models", "export", "sentiment", "--to", target)
    assert done.returncode == 4 and f"pip install 'ftkit[{target}]'" in done.stderr
