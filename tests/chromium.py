"""A real Chromium without a window, driven through the pipe of its DevTools protocol; nothing to install."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_LAUNCH = (
    "import fcntl, os, sys; a, b = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]);"
    "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""Chromium reads its commands from descriptor 3 and writes its answers to 4."""
_FLAGS = (
    "--headless=new --remote-debugging-pipe --no-first-run --no-default-browser-check --disable-gpu"
    " --disable-extensions --disable-background-networking --disable-component-update --disable-sync"
    " --disable-dev-shm-usage --force-color-profile=srgb --hide-scrollbars --no-sandbox"
)


def find() -> str | None:
    """The browser's path: FTKIT_TEST_CHROMIUM, or the first known name on the PATH; None without any."""
    named = os.environ.get("FTKIT_TEST_CHROMIUM")
    found = named or next((path for path in map(shutil.which, NAMES) if path), None)
    return found or (str(MAC) if MAC.exists() else None)


class Chromium:
    """One browser process with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        binary = find()
        assert binary is not None
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        command = [sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), binary]
        self._process = subprocess.Popen(
            [*command, *_FLAGS.split(), f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._ids = itertools.count(1)
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def tab(self, **emulated: str) -> Tab:
        """A new tab with cookies and storage of its own; ``emulated`` are media features."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            tab.call(f"{domain}.enable")
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in emulated.items()]
        tab.call("Emulation.setEmulatedMedia", features=features)
        tab.size(1200, 900)
        return tab

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """One command and its result; events that come meanwhile are kept."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(60)
            assert answer is not None, f"no answer to {method}"
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def pump(self, seconds: float) -> None:
        """Take in the events of a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def _read(self, seconds: float) -> dict[str, Any] | None:
        end = time.monotonic() + seconds
        waiting = select.poll()  # not select(), which cannot count beyond a thousand open files
        waiting.register(self._in, select.POLLIN)
        while b"\0" not in self._rest:
            if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
                return None
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser is gone"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message


class Tab:
    """One tab."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: Any) -> Any:
        """One command for this tab."""
        return self._browser.call(method, self._session, **parameters)

    def size(self, width: int, height: int) -> None:
        """Set the size of the window's inside."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is loaded."""
        before = len(self.events("Page.loadEventFired"))
        same_page = self.value("location.href.split('#')[0]") == url.split("#")[0] and "#" in url
        self.call("Page.navigate", url=url)
        end = time.monotonic() + 60
        while not same_page and len(self.events("Page.loadEventFired")) == before:
            assert time.monotonic() < end, f"{url} was never loaded"
            self._browser.pump(0.05)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(AssertionError):  # between two pages there is nothing to look at
                if self.value(f"Boolean({expression})"):
                    return
            self._browser.pump(0.05)
        raise AssertionError(f"never true: {expression}\n{self.text()}")

    def text(self, selector: str = "body") -> str:
        """The text that a person sees there."""
        found: str = self.value(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def press(self, key: str, times: int = 1, text: str = "") -> None:
        """Press a key: ``Tab``, ``Enter``, ``ArrowLeft``, ``End``..."""
        code = {"Tab": 9, "Enter": 13, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}[key]
        text = "\r" if key == "Enter" else text
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
            self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def named(self, role: str) -> list[str]:
        """The names that a screen reader says for everything of a role."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        found = [node for node in nodes if not node["ignored"] and node["role"].get("value") == role]
        return [node.get("name", {}).get("value", "") for node in found]

    def events(self, method: str) -> list[dict[str, Any]]:
        """This tab's events of one kind so far."""
        every = self._browser.events
        return [e["params"] for e in every if e["method"] == method and e.get("sessionId") == self._session]

    def complaints(self) -> list[str]:
        """Errors that the browser logged: broken policy, failed loads, exceptions nobody caught."""
        logged = [entry["entry"] for entry in self.events("Log.entryAdded")]
        thrown = [event["exceptionDetails"]["text"] for event in self.events("Runtime.exceptionThrown")]
        return [f"{e['source']}: {e['text']}" for e in logged if e["level"] in ("error", "warning")] + thrown

    def requested(self) -> list[str]:
        """Every address that the tab asked for."""
        return [event["request"]["url"] for event in self.events("Network.requestWillBeSent")]

    def picture(self, path: Path) -> None:
        """A picture of the whole page as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
