"""Stands in for a large model as the writer: sentences put together from a small grammar.

It is no language model. It reads the intent, the thing and the manner out of the prompt and fills one of its
sentences, always the same for the same prompt. So that every step can be rehearsed without one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "light": {
        "order": (
            "Turn on the light: {about}.",
            "Switch the lamps off, {about}.",
            "Dim the light for {about}.",
        ),
        "polite": (
            "Could you please make it brighter, {about}?",
            "Would you switch the lamp off by {about}?",
        ),
        "question": ("Is the light still on, {about}?", "Which lamps are on around {about}?"),
        "hint": ("I can hardly see anything, {about} is so dark.", "The lamp is blinding me here, {about}."),
        "exact": ("Set the brightness to forty per cent, {about}.", "Lights off in ten seconds, {about}."),
    },
    "heating": {
        "order": ("Turn the heating up: {about}.", "Cool it down a bit, {about}.", "Radiator off, {about}."),
        "polite": ("Could you please warm up {about}?", "Would you lower the temperature, {about}?"),
        "question": ("How warm is it right now, {about}?", "Is the heating on, {about}?"),
        "hint": ("I'm cold, {about} feels like a fridge.", "It's far too hot here, {about}."),
        "exact": ("Set it to twenty-one degrees, {about}.", "Two degrees warmer from six o'clock, {about}."),
    },
    "music": {
        "order": ("Play {about}.", "Stop the song, {about}.", "Turn {about} up, louder!"),
        "polite": ("Could you please put on {about}?", "Would you mind playing {about} a bit quieter?"),
        "question": ("What song is this, {about}?", "Do you have an album with {about}?"),
        "hint": ("I'd love to hear {about} now.", "I'm in the mood for {about}."),
        "exact": ("Play the next three tracks of {about}.", "Volume to thirty per cent for {about}."),
    },
    "timer": {
        "order": (
            "Set a timer for {about}.",
            "Cancel the alarm for {about}.",
            "Start the countdown for {about}.",
        ),
        "polite": ("Could you please remind me of {about}?", "Would you wake me for {about}?"),
        "question": ("How many minutes are left for {about}?", "When does the alarm for {about} ring?"),
        "hint": ("Don't let me forget {about} in an hour.", "I always oversleep when it's about {about}."),
        "exact": ("Ten minutes for {about}, starting now.", "Wake me at seven because of {about}."),
    },
    "weather": {
        "order": ("Give me the forecast for {about}.", "Tell me the weather, {about}."),
        "polite": (
            "Could you please tell me whether it will rain, {about}?",
            "Would you check the forecast: {about}?",
        ),
        "question": ("Will it be sunny or cold, {about}?", "Do I need an umbrella for {about}?"),
        "hint": (
            "I wonder whether I need a coat outside for {about}.",
            "Those clouds look like a storm, {about}.",
        ),
        "exact": (
            "How many degrees will it be outside at noon, {about}?",
            "Chance of snow in per cent, {about}?",
        ),
    },
    "shopping": {
        "order": ("Put {about} on the shopping list.", "Take {about} off my list.", "Order {about} again."),
        "polite": ("Could you please add {about} to the list?", "Would you write down that we need {about}?"),
        "question": ("Is {about} already on my shopping list?", "Do I have to buy {about} today?"),
        "hint": ("We're out of {about}.", "There's hardly any of {about} left to use."),
        "exact": ("Add two packs of {about} to the list.", "Buy three times {about} at the store."),
    },
    "security": {
        "order": ("Lock {about}.", "Open {about}, I'm back.", "Show me the camera at {about}."),
        "polite": (
            "Could you please check whether {about} is locked?",
            "Would you unlock {about} for my guest?",
        ),
        "question": ("Is {about} closed?", "Has anybody been at {about} today?"),
        "hint": ("I heard somebody at {about}.", "We are leaving, and I think {about} is still open."),
        "exact": (
            "Arm {about} at eleven at night.",
            "Tell me if anything moves near {about} after midnight.",
        ),
    },
    "cleaning": {
        "order": ("Vacuum: {about}.", "Send the robot to {about}.", "Stop cleaning {about}."),
        "polite": ("Could you please sweep {about}?", "Would you have the robot mop {about}?"),
        "question": ("When did the robot last vacuum {about}?", "Is the robot done with {about}?"),
        "hint": (
            "There's dirt everywhere, look at {about}.",
            "Somebody spilled something, {about} is sticky.",
        ),
        "exact": ("Hoover {about} twice this evening.", "Clean {about} for twenty minutes while we are out."),
    },
}


class Writer:
    """The hook: ``call`` gets the conversation and returns what a model would answer, as JSON."""

    # answers are kept by the code that gives them: another grammar is another model
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()

    def call(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """One sentence of the intent, about the thing, in the manner that the prompt asks for."""
        prompt = "\n".join(str(message["content"]) for message in messages if message["role"] == "user")
        intent, about, manner = (_said(name, prompt) for name in ("Intent", "About", "Manner"))
        choices = SENTENCES.get(intent, {}).get(manner.split()[-1] if manner else "", ())
        if not choices:
            return json.dumps({"command": ""})
        place = hashlib.sha256(f"{intent} {about} {manner}".encode()).digest()[0] % len(choices)
        return json.dumps({"command": choices[place].format(about=about)})


def _said(name: str, prompt: str) -> str:
    found = re.search(rf"^{name}: (.*)$", prompt, re.MULTILINE)
    return found[1].strip() if found else ""


writer = Writer()
