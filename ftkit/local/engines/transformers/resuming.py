"""What a training needs beside the model to go on: the optimizer's tensors, the schedule, the step count.

Tensors are safetensors, the rest is JSON: nothing is pickled, and nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ftkit.local.jsonio import dump, load

TENSORS: Final = "resume.safetensors"
NUMBERS: Final = "resume.json"
STATE: Final = "resume_trainer_state.json"
"""The trainer's own state, under the name by which old ones are dropped (``resume*``)."""
TRAINER_STATE: Final = "trainer_state.json"


def save_progress(folder: Path, optimizer: Any, schedule: Any, state: Any) -> None:
    """Write what ``restore_progress`` reads; ``state`` is the trainer's, its log left out."""
    from dataclasses import replace

    from safetensors.torch import save_file

    held = optimizer.state_dict()
    tensors = {
        f"{place}.{name}": tensor.detach().clone().contiguous().cpu()
        for place, moments in held["state"].items()
        for name, tensor in moments.items()
    }
    save_file(tensors, folder / TENSORS)
    numbers = {"groups": held["param_groups"], "schedule": _plain(schedule.state_dict())}
    (folder / NUMBERS).write_bytes(dump(numbers))
    replace(state, log_history=[]).save_to_json(str(folder / STATE))


def restore_progress(folder: Path, optimizer: Any, schedule: Any) -> None:
    """Bring optimizer and schedule to where they were."""
    from safetensors.torch import load_file

    numbers = load((folder / NUMBERS).read_bytes())
    moments: dict[int, dict[str, Any]] = {}
    for key, tensor in load_file(folder / TENSORS).items():
        place, _, name = key.partition(".")
        moments.setdefault(int(place), {})[name] = tensor
    groups = [{**group, "params": list(group["params"])} for group in numbers["groups"]]
    for group in groups:
        if "betas" in group:
            group["betas"] = tuple(group["betas"])
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    schedule.load_state_dict({**schedule.state_dict(), **numbers["schedule"]})


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A schedule's numbers, without its functions: those are made anew."""
    return {name: value for name, value in state.items() if name != "lr_lambdas"}


def as_trainer_checkpoint(folder: Path, place: Path) -> Path:
    """A checkpoint in the trainer's form, in a new folder ``place``: its state, and links to the model.

    The optimizer is not there: ``restore_progress`` brings it.
    """
    place.mkdir()
    for path in folder.iterdir():
        if not path.name.startswith("resume"):
            (place / path.name).symlink_to(path.resolve())
    (place / TRAINER_STATE).write_bytes((folder / STATE).read_bytes())
    return place
