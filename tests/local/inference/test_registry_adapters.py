"""A named adapter as a repository for the Hub: plain PEFT opens it, and its card says how and what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from local_platform import LocalServer
from test_platform_adapters import merged_reply
from test_platform_downloads import TUNED, server

from ftkit.lifecycle.exporting import export
from ftkit.registry import Lineage, open_registry
from ftkit.registry.exports import ExportOptions
from ftkit.settings import Settings

__all__ = ["server"]  # the fixture: a platform with a tuned adapter of a tiny model


@pytest.fixture
def settings(server: LocalServer, tmp_path: Path) -> Settings:
    """The adapter is called ``tiny`` here; it is asked at its platform's address."""
    found = Settings(state_dir=tmp_path / "state")
    known = Lineage(
        platform="local", base_url=f"{server.url}/v1", base_model="tiny", engine="transformers", method="sft"
    )
    open_registry(found).promote("tiny", TUNED, known)
    return found


def test_a_named_adapter_is_opened_by_plain_peft(
    settings: Settings, tiny_folder: Path, tmp_path: Path, server: LocalServer
) -> None:
    folder = tmp_path / "hub"
    done = export("tiny", "hf", ExportOptions(out=folder), settings=settings)
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "peft" and "# tiny, version 1" in card.text
    assert "AutoPeftModelForCausalLM" in card.text
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "card.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert len(done.notes) == 1 and str(tiny_folder) in done.notes[0], "a base that only this machine has"
    assert str(tiny_folder) not in (folder / "README.md").read_text("utf-8")
    expected = merged_reply(tiny_folder, server.state / "models" / "m-tuned", "Aspo says")
    assert merged_reply(tiny_folder, folder, "Aspo says") == expected


def test_what_the_card_says_to_load_it_loads_it(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    export("tiny", "hf", ExportOptions(out=folder), settings=settings)
    code = (folder / "README.md").read_text("utf-8").split("## How to load it")[1].split("```")[1]
    made: dict[str, object] = {}
    exec(code.removeprefix("python\n").replace("HERE", str(folder)), made)
    assert type(made["model"]).__name__ == "PeftModelForCausalLM"
    assert made["tokenizer"]("Aspo")["input_ids"]  # type: ignore[operator]
