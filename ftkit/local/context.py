"""What the routes share: the state, model names, loaded models, and the way to the workers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ftkit.local.asking.desk import Desk
from ftkit.local.config import ServeOptions
from ftkit.local.idempotency import Idempotency
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names
from ftkit.local.state import State
from ftkit.local.supervisor import Supervisor
from ftkit.local.worker_options import worker_arguments


@dataclass(slots=True)
class Activity:
    """When the last request came, and how many are being answered."""

    last: float = field(default_factory=time.monotonic)
    open: int = 0

    def quiet_for(self) -> float:
        """Seconds without any request; 0 while one is being answered."""
        return 0.0 if self.open else time.monotonic() - self.last


@dataclass(frozen=True, slots=True)
class Context:
    """One running platform."""

    options: ServeOptions
    keys: tuple[str, ...]
    state: State
    names: Names
    models: LoadedModels
    supervisor: Supervisor
    idempotency: Idempotency
    desk: Desk
    activity: Activity = field(default_factory=Activity)

    @classmethod
    def open(cls, options: ServeOptions, keys: tuple[str, ...]) -> Context:
        """Open the state directory. Raises ``StorageError`` when it cannot be used."""
        state = State(options.state)
        state.room.most = options.max_disk
        names = Names(state.models, options.stand_ins, options.models)
        models = LoadedModels(state.models)
        state.prepare()
        return cls(
            options=options,
            keys=keys,
            state=state,
            names=names,
            models=models,
            supervisor=Supervisor(state, options.workers, worker_arguments(options)),
            idempotency=Idempotency(state.idempotency),
            desk=Desk(names, models),
        )
