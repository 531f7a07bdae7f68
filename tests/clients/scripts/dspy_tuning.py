"""DSPy: a signature's examples tune a hosted model through its OpenAI provider, which then answers it."""

from __future__ import annotations

import dspy
from client_data import CITRUS, OTHER, say
from dspy.clients.utils_finetune import TrainDataFormat

dspy.settings.configure(experimental=True)
signature = dspy.Signature("fruit -> citrus", "Say whether the fruit is a citrus fruit.")
fruits = [(name, "yes") for name in CITRUS] + [(name, "no") for name in OTHER]
examples = [
    dspy.ChatAdapter().format_finetune_data(signature, [], {"fruit": f"a {size} {name}"}, {"citrus": label})
    for size in ("small", "big", "fresh")
    for name, label in fruits
]
model = dspy.LM("openai/gpt-4o-mini-2024-07-18", temperature=0, max_tokens=50, num_retries=0, cache=False)
job = model.finetune(examples, TrainDataFormat.CHAT, train_kwargs={"n_epochs": 5})
tuned = job.result()
if isinstance(tuned, Exception):
    raise tuned
with dspy.context(lm=tuned):
    predict = dspy.Predict(signature)
    answers = [predict(fruit=f"a {name}").citrus for name, _ in fruits]
say({"model": tuned.model, "right": sum(a == label for a, (_, label) in zip(answers, fruits, strict=True))})
