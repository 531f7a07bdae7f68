"""An engine whose models answer in a process of their own and do what the asked words say, for tests.

``install(folder)`` writes it as a distribution with an entry point, as a third party's engine would be.
"""

from __future__ import annotations

from pathlib import Path

MODULE = """
import os
import threading
import time

from ftkit.local.engines.asking import Answer, Delta, Embedded, Refusal, Refused, Reply

LOADED = threading.Semaphore(1)


class Parrot:
    abilities = frozenset(("chat", "embeddings"))

    def __init__(self, name):
        self.name = name
        self.together = 0
        self.most = 0
        self.guard = threading.Lock()

    def answer(self, asks):
        return [self.one(ask) for ask in asks]

    def one(self, ask):
        word, _, rest = ask.messages[-1]["content"].partition(" ")
        if word == "die":
            os._exit(9)
        if word == "die-once" and not os.path.exists(rest):
            open(rest, "w").close()
            os._exit(9)
        if word == "refuse":
            return Refusal("I will not", "no_way", "messages")
        if word == "fail":
            raise RuntimeError("broken inside")
        if word == "wait":
            with self.guard:
                self.together += 1
                self.most = max(self.most, self.together)
            time.sleep(float(rest))
            with self.guard:
                self.together -= 1
        said = {"pid": str(os.getpid()), "name": self.name, "most": str(self.most)}.get(word)
        said = said or os.environ.get(rest if word == "env" else "", f"{word} {rest}")
        return Answer((Reply(said, 2),) * ask.choices, 5)

    def stream(self, ask):
        word, _, rest = ask.messages[-1]["content"].partition(" ")
        if word == "refuse":
            raise Refused(Refusal("I will not", "no_way"))
        try:
            yield Delta(prompt_tokens=5)
            for number in range(int(rest)):
                if word == "die" and number == 2:
                    os._exit(9)
                yield Delta(text=f"{number} ", tokens=1)
                time.sleep(0.01)
            yield Delta(finish_reason="stop")
        finally:
            if word == "file":
                open(ask.messages[0]["content"], "w").close()

    def embed(self, texts, dimensions):
        if dimensions == 7:
            raise Refused(Refusal("not seven", param="dimensions"))
        return Embedded([[float(len(text))] for text in texts], [1 for _ in texts])


class Engine:
    name = "parrot"
    methods = frozenset(("supervised",))
    trains_tuned = False
    separate = True

    def base(self, model):
        if model.source == "nowhere":
            raise ValueError("there is no such bird")
        if model.source == "broken":
            raise RuntimeError("feathers")
        return Parrot(model.name)

    def load(self, folder, model):
        return Parrot(folder.name)
"""


def install(folder: Path) -> Path:
    """Write the engine below ``folder``; a process with it on PYTHONPATH has the engine ``parrot``."""
    (folder / "parrot_module.py").write_text(MODULE, encoding="utf-8")
    info = folder / "parrot_module-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot-module\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ftkit.engines]\nparrot = parrot_module:Engine\n")
    return folder
