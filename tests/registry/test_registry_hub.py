"""The folder for the Hugging Face Hub: card alone or beside the model's files, and nothing private in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard import metadata_load

from ftkit.errors import StorageError, UsageError
from ftkit.registry import Lineage, Registry
from ftkit.registry.cards import Card, card_of, to_markdown
from ftkit.registry.exports import Exported, ExportOptions, Material, export, write
from ftkit.settings import Settings

TUNED = "ft:linear:sentiment:ab12cd34"
HOME = "/home/somebody/secret-place"


@pytest.fixture
def card(registry: Registry, lineage: Lineage) -> Card:
    """A card whose lineage knows folders of the machine."""
    known = lineage.model_copy(
        update={
            "base_model": "meta-llama/Llama-3.2-1B",
            "engine": "transformers",
            "run": f"{HOME}/runs/sentiment-1",
            "report": f"{HOME}/runs/sentiment-1/report.html",
            "parameters": {"source": {"data": f"{HOME}/headlines.csv"}, "note": "a/b, and /c in {text}"},
            "more": {"files": [f"{HOME}/golden.csv", "C:\\Users\\somebody\\rows.csv", "~/rows.csv"]},
        }
    )
    registry.promote("sentiment", TUNED, known)
    return card_of(registry.find("sentiment"), registry.history("sentiment"))


def to_hub(card: Card, folder: Path, **material: Any) -> Exported:
    return write(card, "hf", ExportOptions(out=folder), Material(**material))


def adapter(folder: Path, base: str) -> tuple[str, ...]:
    """What the local platform gives of an adapter."""
    folder.mkdir()
    (folder / "README.md").write_text(
        f"---\nbase_model: {json.dumps(base)}\ntags: [ftkit, lora]\n---\n# {TUNED}\n"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, "r": 4}))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return ("README.md", "adapter_config.json", "adapter_model.safetensors")


def test_an_adapter_has_a_card_that_says_how_it_is_loaded(card: Card, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    done = to_hub(card, folder, files=adapter(folder, "meta-llama/Llama-3.2-1B"))
    assert {Path(file).name for file in done.files} == {path.name for path in folder.iterdir()}
    assert done.notes == () and done.new
    head = ModelCard.load(folder / "README.md").data
    assert (head.library_name, head.base_model) == ("peft", "meta-llama/Llama-3.2-1B")
    assert head.to_dict()["base_model_relation"] == "adapter"
    text = (folder / "README.md").read_text("utf-8")
    assert (
        'model = AutoPeftModelForCausalLM.from_pretrained("HERE")' in text
        and "# sentiment, version 1" in text
    )


def test_a_whole_model_is_one_for_transformers(card: Card, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    to_hub(card, tmp_path, files=("config.json",))
    head = metadata_load(tmp_path / "README.md")
    assert head is not None
    assert (head["library_name"], head["base_model_relation"]) == ("transformers", "finetune")
    assert "AutoModelForCausalLM" in (tmp_path / "README.md").read_text("utf-8")


@pytest.mark.parametrize("config", ["{}", "[1]", "{broken", '{"labels": 2}'])
def test_files_of_another_format_are_said_to_be_ours(card: Card, tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    to_hub(card, tmp_path, files=("config.json",))
    assert ModelCard.load(tmp_path / "README.md").data.library_name == "ftkit"
    assert "in ftkit's own format" in (tmp_path / "README.md").read_text("utf-8")


def test_a_base_that_is_a_folder_here_is_told_and_no_metadata(card: Card, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    done = to_hub(card, folder, files=adapter(folder, f"{HOME}/llama"))
    assert any("a path of this machine" in note and "adapter_config.json" in note for note in done.notes)
    head = metadata_load(folder / "README.md")
    assert head is not None and "base_model" not in head and head["library_name"] == "peft"


def test_a_card_alone_claims_no_library(card: Card, tmp_path: Path) -> None:
    done = to_hub(card, tmp_path / "deep" / "hub", notes=("The weights stay there.",))
    assert done.notes == ("The weights stay there.",)
    head = metadata_load(tmp_path / "deep" / "hub" / "README.md")
    assert head is not None and "library_name" not in head
    assert "How to load it" not in (tmp_path / "deep" / "hub" / "README.md").read_text("utf-8")


def test_the_metadata_survives_the_hubs_own_writer(card: Card) -> None:
    read = ModelCard(to_markdown(card))
    assert isinstance(read.data, ModelCardData)
    again = ModelCard(f"---\n{read.data.to_yaml()}\n---\n\n{read.text}")
    assert again.data.to_dict() == read.data.to_dict()
    assert again.data.eval_results == read.data.eval_results and len(read.data.eval_results or ()) == 2
    assert read.data.model_name == "sentiment"


def test_no_folder_of_this_machine_goes_out(card: Card, tmp_path: Path) -> None:
    to_hub(card, tmp_path / "hub")
    for path in (tmp_path / "hub").iterdir():
        said = path.read_text("utf-8")
        assert "secret-place" not in said and "somebody" not in said, path
    found = json.loads((tmp_path / "hub" / "card.json").read_text("utf-8"))["version"]["lineage"]
    assert (found["run"], found["report"], found["source"]) == ("sentiment-1", "report.html", "headlines.csv")
    assert found["parameters"] == {"source": {"data": "headlines.csv"}, "note": "a/b, and /c in {text}"}
    assert found["more"]["files"] == ["golden.csv", "rows.csv", "rows.csv"]
    assert card.version.lineage.run == f"{HOME}/runs/sentiment-1", "here it is still known"


def test_a_second_export_is_the_same_folder(card: Card, tmp_path: Path) -> None:
    first = to_hub(card, tmp_path / "hub")
    before = {path.name: path.read_bytes() for path in (tmp_path / "hub").iterdir()}
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "hub").iterdir()}
    second = to_hub(card, tmp_path / "hub")
    assert (first.new, second.new, first.files) == (True, False, second.files)
    assert {path.name: path.read_bytes() for path in (tmp_path / "hub").iterdir()} == before
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "hub").iterdir()} == times


@pytest.mark.parametrize("text", ["", "# Mine\n", "---\ntags:\n- mine\n---\n", "---\nnot closed", "\xff\xfe"])
def test_a_readme_of_somebody_else_stays(card: Card, tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text, "latin-1")
    with pytest.raises(UsageError, match="of somebody else lies here") as caught:
        to_hub(card, tmp_path)
    assert "--out" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == ["README.md"]


def test_a_folder_that_is_a_file_is_said(card: Card, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("x")
    with pytest.raises(StorageError):
        to_hub(card, tmp_path / "hub")


def test_without_a_folder_it_is_called_by_name_and_version(
    card: Card, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = export("sentiment", "huggingface", settings=settings)
    assert done.where == "sentiment-1" and (tmp_path / "sentiment-1" / "README.md").is_file()


@pytest.mark.parametrize("to", ["sagemaker", "", "HF", "../hf"])
def test_unknown_targets_are_named_with_those_there_are(settings: Settings, card: Card, to: str) -> None:
    with pytest.raises(UsageError, match="no target is called") as caught:
        export("sentiment", to, settings=settings)
    assert "mlflow, wandb, huggingface" in str(caught.value)
