"""Reads JSON that is nearly right, and writes down the same values as plain, compact JSON.

A small push-down machine over tokens. It takes what people and programs add to JSON without meaning
anything by it (comments, commas after the last item, Python's quotes and words, bare control characters,
line breaks anywhere) and refuses all else. Numbers and texts keep their own spelling. It stops at the
first token that cannot be, so that a value that was cut off does not swallow the lines after it.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass, field, replace

from ftkit.validation.fixing.mends import Change

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]++)
    |(?P<mark>[{}\[\],:])
    |(?P<text>"(?:[^"\\]|\\.)*+")
    |(?P<open>"(?:[^"\\]|\\.)*+)\Z
    |(?P<single>'(?:[^'\\\n]|\\.)*+')
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.]))
    |(?P<word>[A-Za-z_]\w*+)
    |(?P<comment>(?://|\#)[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)""",
    re.VERBOSE | re.DOTALL,
)
_REST = re.compile(r'(?:[^"\\]|\\.)*+("?)', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})|\\\\', re.DOTALL)
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_DEEPEST = 500


Changes = dict[str, Change]
"""Changes by their mend: the first place is kept, the others are counted."""


class NotMendable(Exception):
    """The text is no JSON, and what was meant is not certain."""


@dataclass(slots=True)
class Value:
    """One complete top-level value: compact JSON, the line on which it begins, what was changed in it."""

    text: str
    line: int
    changes: Changes


@dataclass(slots=True)
class Mender:
    """Takes in lines (or any texts that end between tokens, or inside a text that goes on with a line break).

    ``values`` are complete; ``open`` says that one has begun and is not. ``loose`` are changes that belong
    to no value, such as a comment on a line of its own.
    """

    values: list[Value] = field(default_factory=list)
    loose: Changes = field(default_factory=dict)
    _out: list[str] = field(default_factory=list)
    _changes: Changes = field(default_factory=dict)
    _stack: list[tuple[str, int | None]] = field(default_factory=list)
    _expect: str = "top"
    _line: int = 0
    _begun: int = 0
    _pieces: list[str] | None = None
    _python: bool = False
    _python_escape: bool = False

    @property
    def open(self) -> bool:
        """Whether a value has begun that is not complete."""
        return bool(self._stack)

    @property
    def open_lines(self) -> list[int]:
        """The lines that begin with a bracket that is still open: no value that begins there can be read."""
        return [line for _, line in self._stack if line is not None]

    def feed(self, text: str, line: int) -> None:
        """Take in the next line, without its end. Raises NotMendable; the machine is of no use then."""
        self._line = line
        at, first = 0, True
        if self._pieces is not None:
            at, first = self._go_on(text), False
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise NotMendable
            at = match.end()
            kind, token = str(match.lastgroup), match.group()
            if kind == "space":
                continue
            if kind == "comment":
                self._note("comment-removed", token)
            elif kind == "open":
                self._begin_open(token)
            elif kind == "mark":
                self._mark(token, first)
            else:
                self._scalar(kind, token)
            first = False

    def finish(self) -> list[Value]:
        """The values, after the last line. Raises NotMendable where something is missing."""
        if self.open or (self._python_escape and not self._python):
            raise NotMendable
        return self.values

    def _note(self, mend: str, before: str | None = None, after: str | None = None) -> None:
        _count(self._changes if self._stack else self.loose, Change(mend, self._line, before, after))

    # --- texts that hold a bare line break -------------------------------------------------------------

    def _begin_open(self, token: str) -> None:
        if not self._stack:
            raise NotMendable
        self._pieces = [token]

    def _go_on(self, text: str) -> int:
        """The rest of a text that began on an earlier line; where the next token begins."""
        assert self._pieces is not None
        match = _REST.match(text)
        assert match is not None
        self._pieces.append(match.group())
        if match.group(1):
            token, self._pieces = "\n".join(self._pieces), None
            self._scalar("text", token)
            return match.end()
        if match.end() < len(text):  # a backslash before the line break escapes nothing
            raise NotMendable
        return len(text)

    # --- tokens ------------------------------------------------------------------------------------------

    def _mark(self, token: str, first: bool) -> None:
        if token in "{[":
            self._open(token, first)
        elif token in "}]":
            self._close(token)
        elif token == ",":
            self._comma()
        elif self._expect != "colon":
            raise NotMendable
        else:
            self._out.append(":")
            self._expect = "value"

    def _open(self, token: str, first: bool) -> None:
        if self._expect not in ("top", "after", "value", "item") or len(self._stack) >= _DEEPEST:
            raise NotMendable
        if not self._stack:
            self._begun = self._line
        self._stack.append((token, self._line if first else None))
        self._out.append(token)
        self._expect = "first key" if token == "{" else "item"

    def _close(self, token: str) -> None:
        last = ("first key", "next", "key") if token == "}" else ("item", "next", "value")
        opening = "{" if token == "}" else "["
        if not self._stack or self._stack[-1][0] != opening or self._expect not in last:
            raise NotMendable
        if self._out[-1] == ",":
            self._out.pop()
            self._note("trailing-comma-removed", f",{token}", token)
        self._out.append(token)
        if len(self._stack) == 1:
            self._complete()
        else:
            self._stack.pop()
            self._expect = "next"

    def _complete(self) -> None:
        if self._line != self._begun:
            lines = self._line - self._begun + 1
            _count(self._changes, Change("lines-joined", self._begun, count=lines))
        self.values.append(Value("".join(self._out), self._begun, self._changes))
        self._out, self._changes, self._expect = [], {}, "after"
        self._stack.pop()

    def _comma(self) -> None:
        if self._expect == "after":
            _count(self.values[-1].changes, Change("trailing-comma-removed", self._line, "},", "}"))
            self._expect = "top"
        elif self._expect == "next":
            self._out.append(",")
            self._expect = "key" if self._stack[-1][0] == "{" else "value"
        else:
            raise NotMendable

    def _scalar(self, kind: str, token: str) -> None:
        is_key = self._expect in ("key", "first key")
        if not is_key and self._expect not in ("value", "item"):
            raise NotMendable
        if is_key and kind not in ("text", "single"):
            raise NotMendable
        self._out.append(self._plain(kind, token))
        self._expect = "colon" if is_key else "next"

    def _plain(self, kind: str, token: str) -> str:
        """The token as JSON writes it."""
        if kind == "text":
            return self._text(token)
        if kind == "single":
            self._python = True
            plain = _from_python(token)
            self._note("quotes-made-double", token, plain)
            return plain
        if kind == "word":
            word = _WORDS.get(token)
            if word is None:
                raise NotMendable
            if word != token:
                self._python = True
                self._note("python-word-replaced", token, word)
            return word
        return token

    def _text(self, token: str) -> str:
        if "\\" in token and any(m.group() == "\\" for m in _BAD_ESCAPE.finditer(token)):
            self._python_escape = True  # \x41 and the like: certain only beside other signs of Python
            plain = _from_python(token)
            self._note("quotes-made-double", token, plain)
            return plain
        if _CONTROL.search(token) is None:
            return token
        if "\0" in token:  # a sign of damage: a person must look at it
            raise NotMendable
        plain = _CONTROL.sub(lambda m: json.dumps(m.group())[1:-1], token)
        self._note("control-character-escaped", token, plain)
        return plain


def _count(changes: Changes, change: Change) -> None:
    """Take in a change; of those of one kind the first is shown."""
    first = changes.get(change.mend)
    changes[change.mend] = replace(first, count=first.count + 1) if first else change


def _from_python(token: str) -> str:
    """A Python text as JSON. Escapes that Python itself warns of may come from another language: refused."""
    if "\\" not in token:
        return json.dumps(token[1:-1], ensure_ascii=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = ast.literal_eval(token)
        value.encode()  # half of a surrogate pair is no character
    except (SyntaxError, ValueError, MemoryError, RecursionError, Warning) as error:
        raise NotMendable from error
    return json.dumps(value, ensure_ascii=False)
