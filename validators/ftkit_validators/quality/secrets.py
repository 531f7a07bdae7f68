"""FT510: keys and passwords of well-known forms. No finding repeats what it has found."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ftkit.validation import Context, Found, RowView, rule
from ftkit_validators.quality.rows import EachRow
from ftkit_validators.quality.samples import row
from ftkit_validators.quality.texts import EVERY_KIND, places, texts

_LEAST_BITS = 3.0  # per character; random letters and digits of this length have 4 and more, words fewer
_PLACEHOLDER = re.compile(
    r"example|placeholder|your[_-]?|x{6}|\*{4}|\.{3}|1234567890|abcdefghij", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one provider's keys. Each holds one of ``marks`` as it stands; group 1 is the random
    part."""

    what: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(what: str, pattern: str, *marks: str) -> Form:
    return Form(what, marks, re.compile(rf"(?<![A-Za-z0-9_]){pattern}"))


# The forms are those that the providers themselves document for secret scanning or show with their keys.
FORMS = (
    _form("an Anthropic API key", r"sk-ant-[a-z]+\d\d-([\w-]{32,})", "sk-ant-"),
    _form(
        "an OpenAI API key", r"sk-(?:proj|svcacct|admin)-([\w-]{32,})", "sk-proj-", "sk-svcacct-", "sk-admin-"
    ),
    _form("an OpenAI API key", r"sk-([A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})", "T3BlbkFJ"),
    _form("an AWS access key id", r"(?:AKIA|ASIA)([A-Z2-7]{16})(?![A-Za-z0-9])", "AKIA", "ASIA"),
    _form("a GitHub token", r"gh[pousr]_([A-Za-z0-9]{36,})", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _form("a GitHub token", r"github_pat_(\w{60,})", "github_pat_"),
    _form("a GitLab token", r"glpat-([\w-]{20,})", "glpat-"),
    _form("a Google API key", r"AIza([\w-]{35})(?![\w-])", "AIza"),
    _form("a Slack token", r"xox[abeoprs]-([A-Za-z0-9-]{20,})", "xox"),
    _form("a Slack webhook", r"hooks\.slack\.com/services/(T\w{8,}/B\w{8,}/\w{20,})", "hooks.slack.com/"),
    _form("a Stripe key", r"[sr]k_live_([A-Za-z0-9]{20,})", "k_live_"),
    _form("a Hugging Face token", r"hf_([A-Za-z0-9]{34,})", "hf_"),
    _form("a Groq API key", r"gsk_([A-Za-z0-9]{48,})", "gsk_"),
    _form("an npm token", r"npm_([A-Za-z0-9]{36,})", "npm_"),
    _form("a PyPI token", r"pypi-AgEIcHlwaS5vcmc([\w-]{50,})", "pypi-AgEI"),
    _form("a SendGrid key", r"SG\.([\w-]{20,}\.[\w-]{40,})", "SG."),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN ([A-Z ]*)PRIVATE KEY[A-Z ]*-----\s*(?:\S+: .*\s+)*[A-Za-z0-9+/=\s\\]{64,}"
)
_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]{8,})\.(eyJ[\w-]{8,})\.[\w-]{16,}")
_MARKS = (*dict.fromkeys(mark for form in FORMS for mark in form.marks), "PRIVATE KEY", "eyJ")
# A mark with a sign that most texts lack needs no search where the sign is missing.
_RARE_MARKS = {sign: tuple(mark for mark in _MARKS if sign in mark) for sign in "_-"}
_OTHER_MARKS = tuple(mark for mark in _MARKS if "_" not in mark and "-" not in mark)
_SHOWN = "ghp_" + "k3VbQ9xZr7LmT2wYc8NdJ5sHf6GpA4uEvR1o"


@rule(
    "FT510",
    "secret",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    bad=row("Why does my token not work?", f"You wrote {_SHOWN}, which has expired."),
    good=row("Why does my token not work?", "You wrote ghp_..., which has expired."),
)
class Secret(EachRow):
    """The text holds what looks like a key of a well-known service, a signed web token or a private key. Who
    asks the tuned model may be told it, and whoever gets the file has it. Forms are matched by prefix, length
    and randomness; what is plainly a placeholder is left alone. The finding does not repeat it."""

    def __init__(self, context: Context) -> None:
        """Nothing is kept."""

    def row(self, row: RowView) -> Iterator[Found]:
        """Look for the marks that every form has before anything is matched."""
        everything = texts(row).everything
        if not may_hold_secrets(everything):
            return
        for keys, text in places(row.value):
            for what, at in found_secrets(text):
                hint = "Replace it by a placeholder, and have the key revoked: it must count as known."
                yield Found(f"what looks like {what}, at character {at + 1:,}", hint, keys, masked=True)


def may_hold_secrets(text: str) -> bool:
    """Whether any form's mark is there: a quick look that most texts do not pass."""
    for mark in _OTHER_MARKS:
        if mark in text:
            return True
    for sign, marks in _RARE_MARKS.items():
        if sign in text:
            for mark in marks:
                if mark in text:
                    return True
    return False


def found_secrets(text: str) -> Iterator[tuple[str, int]]:
    """What was found in a text, and at which character (from 0), form by form."""
    for form in FORMS:
        if any(mark in text for mark in form.marks):
            for match in form.pattern.finditer(text):
                if looks_random(match.group(1)):
                    yield form.what, match.start()
    if "PRIVATE KEY" in text:
        yield from (("a private key", match.start()) for match in _PRIVATE_KEY.finditer(text))
    if "eyJ" in text:
        for match in _JWT.finditer(text):
            if _is_header(match.group(1)):
                yield "a signed web token (JWT)", match.start()


def looks_random(text: str) -> bool:
    """Whether a text is neither a placeholder nor of few different signs."""
    return not _PLACEHOLDER.search(text) and bits_per_character(text) >= _LEAST_BITS


def bits_per_character(text: str) -> float:
    """Shannon's entropy of the characters by their own frequencies."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0


def _is_header(part: str) -> bool:
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return False
    return isinstance(header, dict) and "alg" in header


RULES = (Secret,)
