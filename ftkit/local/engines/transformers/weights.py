"""Load a model for training, and save what was trained: safetensors only, with its tokenizer beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ftkit.local.engines.base import StepMetrics, TrainingError
from ftkit.local.engines.transformers.plan import Plan
from ftkit.local.engines.transformers.templates import use_template

ADAPTER_CONFIG: Final = "adapter_config.json"


def load_tokenizer(plan: Plan) -> Any:
    """The model's tokenizer; it has a chat template afterwards in any case."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(_place(plan), revision=_revision(plan))
    use_template(tokenizer)
    return tokenizer


def load_model(plan: Plan) -> tuple[Any, Any]:
    """(model, the adapters to be added to it, or None). A tuned model is trained on in its own form."""
    place = plan.tuned if plan.tuned and not (plan.tuned / ADAPTER_CONFIG).exists() else None
    model = _load(plan, str(place or plan.source), None if place else plan.revision)
    if plan.tuned and place is None:
        from peft import PeftModel

        return PeftModel.from_pretrained(model, str(plan.tuned), is_trainable=True), None
    if place or plan.settings.kind == "full":
        return model, None
    return model, _adapters(plan)


def _place(plan: Plan) -> str:
    return str(plan.tuned or plan.source)


def _revision(plan: Plan) -> str | None:
    return None if plan.tuned else plan.revision


def _load(plan: Plan, place: str, revision: str | None) -> Any:
    """Weights in single precision where all of them are trained, so that small steps are not lost."""
    import torch
    from transformers import AutoModelForCausalLM

    half = uses_bf16(plan) and plan.settings.kind == "lora"
    more: dict[str, Any] = {"attn_implementation": _attention(plan)} if _attention(plan) else {}
    if plan.settings.four_bit:
        more["quantization_config"] = _four_bit()
    return AutoModelForCausalLM.from_pretrained(
        place,
        revision=revision,
        dtype=torch.bfloat16 if half else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        **more,
    )


def _four_bit() -> Any:
    """The quantization of QLoRA (Dettmers et al., 2023): 4-bit NormalFloat, quantized twice."""
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise TrainingError(
            "4-bit training needs the package bitsandbytes on this platform.",
            code="invalid_model_configuration",
        )
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _adapters(plan: Plan) -> Any:
    from peft import LoraConfig

    settings = plan.settings
    targets = settings.target_modules
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha or 2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )


def on_gpu(plan: Plan) -> bool:
    """Whether a CUDA device is there and wanted."""
    import torch

    return plan.settings.device != "cpu" and bool(torch.cuda.is_available())


def uses_bf16(plan: Plan) -> bool:
    """Mixed precision in bfloat16: as set, or wherever the GPU has it."""
    import torch

    if plan.settings.precision != "auto":
        return plan.settings.precision == "bf16"
    return on_gpu(plan) and bool(torch.cuda.is_bf16_supported())


def _attention(plan: Plan) -> str | None:
    from importlib.util import find_spec

    if plan.settings.attention:
        return plan.settings.attention
    flash = on_gpu(plan) and uses_bf16(plan) and find_spec("flash_attn") is not None
    return "flash_attention_2" if flash else None


def packs(plan: Plan) -> bool:
    """Whether examples share rows: as set, or where attention knows their borders at no cost."""
    if plan.settings.packing != "auto":
        return plan.settings.packing
    return _attention(plan) == "flash_attention_2"


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """The adapters, or the whole model, and the tokenizer."""
    more: dict[str, Any] = {}
    if hasattr(model, "peft_config"):
        # whether embeddings were changed is known here: PEFT would ask the hub
        more = {"selected_adapters": ["default"], "save_embedding_layers": False}
    model.save_pretrained(folder, **more)
    tokenizer.save_pretrained(folder)


def write_card(folder: Path, plan: Plan, metrics: StepMetrics) -> None:
    """The model card, in the form that model hubs read."""
    kind = "adapters (LoRA)" if (folder / ADAPTER_CONFIG).exists() else "all weights"
    measures = {
        "training loss": metrics.train_loss,
        "training accuracy": metrics.train_accuracy,
        "validation loss": metrics.valid_loss,
        "validation accuracy": metrics.valid_accuracy,
    }
    lines = [
        *("---", f"base_model: {Path(plan.source).name if Path(plan.source).exists() else plan.source}"),
        *("library_name: peft" if kind.startswith("adapters") else "library_name: transformers",),
        *("tags:", "- ftkit", f"- {'dpo' if plan.method == 'dpo' else 'sft'}", "---", ""),
        *(f"# {plan.name}, tuned", ""),
        f"Method {plan.method}, {kind}, by TRL. Epoch {metrics.epoch} of {plan.epochs}, step {metrics.step}",
        f"of {metrics.total_steps}. Batches of {plan.batch_size} examples, learning rate {plan.rate:g},",
        f"seed {plan.seed}.",
        *("", "| measure | value |", "|---|---|"),
        *(f"| {name} | {value:.4g} |" for name, value in measures.items() if value is not None),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
