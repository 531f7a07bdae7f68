"""Open models for answering: a base once in a process, the adapters trained on it beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.engines.transformers.serving import ServingSettings, serving_of

ADAPTER: Final = "adapter_config.json"
_DEFAULTS: Final = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Loaded:
    """A model that answers: its batch, its grammars, and what its makers said of it."""

    batcher: Any
    weights: Any
    grammars: Any
    tokenizer: Any
    settings: ServingSettings
    context: int
    ends: frozenset[int]
    defaults: Mapping[str, float]


def open_base(spec: ModelSpec) -> Responder:
    """The model that ``spec.source`` names. Raises ``ValueError``."""
    settings = serving_of(spec)
    if uses_vllm(settings):
        from ftkit.local.engines.transformers.vllm import VllmResponder, vllm_server

        return VllmResponder(vllm_server(_source(spec), settings), None, settings)
    from ftkit.local.engines.transformers.responder import TransformersResponder

    loaded = _base(_source(spec), spec.options.get("revision"), settings.model_dump_json())
    return TransformersResponder(loaded, loaded.tokenizer)


def open_tuned(folder: Path, spec: ModelSpec) -> Responder:
    """What training put into ``folder``: an adapter of the base, or a whole model. Raises ``ValueError``."""
    settings = serving_of(spec)
    adapter = (folder / ADAPTER).exists()
    if uses_vllm(settings):
        from ftkit.local.engines.transformers.vllm import VllmResponder, vllm_server

        server = vllm_server(_source(spec) if adapter else str(folder), settings)
        return VllmResponder(server, server.attach(folder) if adapter else None, settings)
    from ftkit.local.engines.transformers.responder import TransformersResponder

    if not adapter:
        loaded = _base(str(folder), None, settings.model_dump_json())
        return TransformersResponder(loaded, loaded.tokenizer)
    loaded = _base(_source(spec), spec.options.get("revision"), settings.model_dump_json())
    loaded.batcher.run(lambda: loaded.weights.attach(folder.name, folder))
    own = (folder / "tokenizer_config.json").exists()
    tokenizer = load_tokenizer(str(folder)) if own else loaded.tokenizer
    return TransformersResponder(loaded, tokenizer, folder.name)


def merge(folder: Path, spec: ModelSpec, target: Path) -> None:
    """Write a base with its adapter merged in, in the base's own precision. Raises ``ValueError``."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    try:
        base: Any = AutoModelForCausalLM.from_pretrained(
            _source(spec),
            revision=spec.options.get("revision"),
            dtype="auto",
            use_safetensors=True,
            trust_remote_code=False,
        )
        whole: Any = PeftModel.from_pretrained(base, str(folder)).merge_and_unload()
    except OSError as error:
        raise ValueError(f"its base cannot be loaded ({type(error).__name__})") from error
    whole.save_pretrained(target)
    load_tokenizer(str(folder)).save_pretrained(target)


def uses_vllm(settings: ServingSettings) -> bool:
    """Whether vLLM answers. Raises ``ValueError`` where it is wanted and not installed."""
    if settings.server == "transformers":
        return False
    installed = find_spec("vllm") is not None
    if settings.server == "vllm":
        if not installed:
            raise ValueError("it is to be served by vLLM, which is not installed on this platform")
        return True
    if not installed:
        return False
    import torch

    return bool(torch.cuda.is_available())


def load_tokenizer(place: str, revision: str | None = None) -> Any:
    """A tokenizer, which has a chat template afterwards in any case."""
    from transformers import AutoTokenizer

    from ftkit.local.engines.transformers.templates import use_template

    try:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"it has no tokenizer that can be loaded ({type(error).__name__})") from error
    if tokenizer.eos_token_id is None:
        raise ValueError("its tokenizer has no end token")
    use_template(tokenizer)
    return tokenizer


def _source(spec: ModelSpec) -> str:
    if spec.source is None:
        raise ValueError("this platform's configuration does not name its source")
    return spec.source


@cache
def _base(place: str, revision: str | None, settings_json: str) -> Loaded:
    from ftkit.local.engines.transformers.batching import Batcher
    from ftkit.local.engines.transformers.constrain import Grammars
    from ftkit.local.engines.transformers.running import Weights

    settings = ServingSettings.model_validate_json(settings_json)
    tokenizer = load_tokenizer(place, revision)
    model = load_weights(place, revision, settings)
    weights = Weights(model)
    ends = end_tokens(model, tokenizer)
    grammars = Grammars(tokenizer, weights.size, sorted(ends))
    context = min(settings.context or 1 << 31, _longest(model.config))
    limits = _limits(model, settings, weights.device.type)
    batcher = Batcher(weights, grammars, limits, lambda token: tokenizer.decode([token]))
    defaults = {**_own_defaults(model), **settings.defaults}
    return Loaded(batcher, weights, grammars, tokenizer, settings, context, ends, defaults)


def load_weights(place: str, revision: str | None, settings: ServingSettings) -> Any:
    """The model, from safetensors only and without code of its own. Raises ``ValueError``."""
    import torch
    from transformers import AutoModelForCausalLM

    from ftkit.local.engines.transformers.caches import other_layers

    device = _device(settings)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    more: dict[str, Any] = {}
    if settings.attention is not None:
        more["attn_implementation"] = settings.attention
    if settings.four_bit:
        from transformers import BitsAndBytesConfig

        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            place,
            revision=revision,
            dtype=getattr(torch, _dtype(settings, device)),
            device_map=device,
            use_safetensors=True,
            trust_remote_code=False,
            **more,
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"its weights cannot be loaded ({type(error).__name__})") from error
    unknown = other_layers(model.config.get_text_config())
    if unknown:
        raise ValueError(f"its layers ({', '.join(unknown)}) cannot be run here; vLLM may be able to")
    return model


def _device(settings: ServingSettings) -> str:
    import torch

    if settings.device != "auto":
        return settings.device
    if torch.cuda.is_available():
        return "auto" if torch.cuda.device_count() > 1 else "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(settings: ServingSettings, device: str) -> str:
    """Half precision where the device is made for it."""
    import torch

    if settings.dtype != "auto":
        return settings.dtype
    if device.startswith(("cuda", "auto")):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device == "mps" else "float32"


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a reply: the model's and the tokenizer's."""
    ends = model.generation_config.eos_token_id
    own = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in (*own, tokenizer.eos_token_id) if token is not None)


def _own_defaults(model: Any) -> dict[str, float]:
    """What the model's makers say about drawing; nothing where they say that nothing is drawn."""
    said = model.generation_config.to_diff_dict()
    if not said.get("do_sample"):
        return {}
    return {name: float(said[name]) for name in _DEFAULTS if said.get(name) is not None}


def _longest(config: Any) -> int:
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(found) if found else 1 << 31


def _limits(model: Any, settings: ServingSettings, device: str) -> Any:
    from ftkit.local.engines.transformers.batching import Limits
    from ftkit.local.engines.transformers.caches import bytes_per_token

    size = bytes_per_token(model.config.get_text_config(), model.dtype)
    # a cache is there twice for a moment when sequences join or leave
    cells = max(1, int(settings.memory * _free_bytes(device) / 2 / size))
    return Limits(settings.rows, settings.prompt_tokens, cells)


def _free_bytes(device: str) -> int:
    """Free memory of the device; of a machine without a way to tell, 4 GiB."""
    import torch

    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # macOS does not say
        return 4 << 30
