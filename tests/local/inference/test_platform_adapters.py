"""Adapters beside their base: each ask gets its own, also when all are answered in one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_model import make_model

from ftkit.local.engines.asking import Ask, Sampling
from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.transformers import TransformersEngine

torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")
OPTIONS = {"serving": {"device": "cpu"}}


def make_adapter(base: Path, folder: Path, seed: int) -> Path:
    """A LoRA adapter with large random weights, as PEFT saves it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=4, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned: Any = get_peft_model(model, config)
    with torch.no_grad():
        for name, weights in tuned.named_parameters():
            if "lora_B" in name:
                weights.normal_(std=0.5)
    tuned.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def merged_reply(base: Path, adapter: Path | None, text: str) -> str:
    """What plain PEFT and ``generate`` say."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    asked = tokenizer(text, return_tensors="pt")
    tokens = model.eval().generate(**asked, max_new_tokens=12, do_sample=False)[0]
    return str(tokenizer.decode(tokens[asked["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.fixture(scope="module")
def family(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str | None, Path]:
    """The base and two adapters of it."""
    root = tmp_path_factory.mktemp("adapters")
    made = {f"m-{seed}": make_adapter(tiny_folder, root / f"m-{seed}", seed) for seed in (1, 2)}
    return {None: tiny_folder, **made}


def say(responder: Any, *texts: str) -> list[str]:
    """The model's best replies."""
    asks = [Ask(prompt=text, most_tokens=12, sampling=Sampling(temperature=0)) for text in texts]
    return [answer.replies[0].text for answer in responder.answer(asks)]


def test_each_says_what_plain_peft_says(family: dict[str | None, Path]) -> None:
    from ftkit.local.engines.transformers.batching import Asked

    engine, spec = TransformersEngine(), ModelSpec("b", "transformers", str(family[None]), OPTIONS)
    expected = {
        name: merged_reply(family[None], None if name is None else folder, "Aspo says")
        for name, folder in family.items()
    }
    assert len(set(expected.values())) == 3
    models: dict[str | None, Any] = {
        name: engine.base(spec) if name is None else engine.load(folder, spec)
        for name, folder in family.items()
    }
    assert {name: say(model, "Aspo says")[0] for name, model in models.items()} == expected

    # all in one batch, in one go: rows of different adapters go through the model together
    mixed: list[tuple[str | None, Asked]] = []
    for name, model in list(models.items()) * 3:
        asked = model._prepare(Ask(prompt="Aspo says", most_tokens=12, sampling=Sampling(temperature=0)))
        assert isinstance(asked, Asked)
        mixed.append((name, asked))
    models[None]._loaded.batcher.submit([asked for _, asked in mixed])
    for name, asked in mixed:
        assert asked.done.wait(60)
        assert asked.writings[0].text() == expected[name]

    vectors = {name: tuple(model.embed(["Aspo says"], None).vectors[0]) for name, model in models.items()}
    assert len(set(vectors.values())) == 3

    models["m-1"].close()
    assert say(models["m-2"], "Aspo says") == [expected["m-2"]]
    models["m-2"].close()
    assert say(models[None], "Aspo says") == [expected[None]]
    again: Any = engine.load(family["m-1"], spec)
    assert say(again, "Aspo says") == [expected["m-1"]]


def test_a_whole_model_is_loaded_from_its_own_folder(tiny_folder: Path, tmp_path: Path) -> None:
    other = make_model(tmp_path / "m-full", seed=5, width=64)
    spec = ModelSpec("b", "transformers", str(tiny_folder), OPTIONS)
    engine = TransformersEngine()
    assert say(engine.load(other, spec), "Aspo says") == [merged_reply(other, None, "Aspo says")]


@pytest.mark.parametrize(
    ("source", "options", "why"),
    [
        (None, {}, "does not name its source"),
        ("/nowhere/at/all", {}, "no tokenizer"),
        ("TINY", {"serving": {"rows": 0}}, "serving.rows"),
        ("TINY", {"serving": {"sever": "vllm"}}, "serving.sever"),
        ("TINY", {"serving": {"server": "vllm"}}, "not installed"),
    ],
)
def test_a_model_that_cannot_be_opened_says_why(
    tiny_folder: Path, source: str | None, options: dict[str, Any], why: str
) -> None:
    place = str(tiny_folder) if source == "TINY" else source
    with pytest.raises(ValueError, match=why):
        TransformersEngine().base(ModelSpec("b", "transformers", place, options))


def test_weights_are_never_read_from_a_pickle(tiny_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model.config.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="weights cannot be loaded"):
        TransformersEngine().base(ModelSpec("b", "transformers", str(tmp_path), OPTIONS))


def test_the_makers_ways_of_drawing_are_defaults(tiny_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    GenerationConfig(do_sample=True, top_k=1, temperature=0.5).save_pretrained(tmp_path)
    warm: Any = TransformersEngine().base(ModelSpec("b", "transformers", str(tmp_path), OPTIONS))
    ask = Ask(prompt="Aspo says", most_tokens=8)
    drawn = {warm.answer([ask])[0].replies[0].text for _ in range(4)}
    assert drawn == {merged_reply(tiny_folder, None, "Aspo says")[: len(next(iter(drawn)))]}
    other = {**OPTIONS, "serving": {"device": "cpu", "defaults": {"top_k": 0, "temperature": 2.0}}}
    free: Any = TransformersEngine().base(ModelSpec("b", "transformers", str(tmp_path), other))
    assert len({free.answer([ask])[0].replies[0].text for _ in range(4)}) > 1
