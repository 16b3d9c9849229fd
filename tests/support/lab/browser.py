"""Chromium without a window, told what to do over a pipe, and what it says about a page.

The protocol is https://chromedevtools.github.io/devtools-protocol/: JSON messages that end with a zero byte,
read from descriptor 3 and written to descriptor 4 of the browser.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.lab.tools import need

OPTIONS = (
    "--headless",
    "--no-sandbox",  # root of a namespace cannot have one
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)
_LAUNCH = """
import fcntl, os, sys
above = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(above[0], 3)
os.dup2(above[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts the pipes where the browser looks for them, and becomes the browser."""

PATIENCE = 60.0
"""Seconds that an answer may take."""


class Browser:
    """One page of a browser. ``events`` are what it has said, oldest first: (method, parameters)."""

    def __init__(self, hear: int, say: int) -> None:
        """Takes the ends of the pipes, and opens an empty page."""
        self._hear, self._say, self._number, self._session, self._rest = hear, say, 0, "", b""
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command. Raises AssertionError when it is an error, or does not come in time."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._say, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        """The next message; events are noted."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._hear], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"the browser said nothing for {PATIENCE:g} s"
            data = os.read(self._hear, 1 << 20)
            assert data, "the browser ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message

    def show(self, page: Path, width: int = 1280, scheme: str = "light", height: int = 900) -> None:
        """Load a file as a window of ``width`` pixels shows it, ``scheme`` light or dark, and wait for it."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in [method for method, _ in self.events]:
            self._receive()
        # Two frames later everything is laid out, and what could be asked for has been.
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, in the page. Raises AssertionError when it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    @property
    def requests(self) -> list[str]:
        """Every address that the page asked for, besides its own."""
        asked = [
            said["request"]["url"] for method, said in self.events if method == "Network.requestWillBeSent"
        ]
        return asked[1:]

    @property
    def complaints(self) -> list[str]:
        """What the page wrote to the console, and what the browser complained of."""
        found = []
        for method, said in self.events:
            if method == "Log.entryAdded":
                found.append(said["entry"]["text"])
            elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                found.append(json.dumps(said))
        return found

    def picture(self, path: Path, height: int = 16_000) -> None:
        """Write the page from its top, at most ``height`` pixels of it, as PNG."""
        width = self.value("innerWidth")
        height = min(height, self.value("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(b64decode(answer["data"]))

    def paper(self, path: Path) -> None:
        """Write what is printed as PDF, on A4."""
        answer = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        path.write_bytes(b64decode(answer["data"]))

    def paper_text(self, folder: Path) -> list[str]:
        """The text of each sheet that is printed."""
        self.paper(folder / "paper.pdf")
        read = [need("pdftotext"), "-layout", str(folder / "paper.pdf"), "-"]
        said = subprocess.run(read, check=True, capture_output=True, text=True).stdout
        return said.removesuffix("\f").split("\f")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser that ends with the block. The test is left where there is none."""
    program = need("chromium")
    heard, say = os.pipe()
    hear, said = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _LAUNCH,
                str(heard),
                str(said),
                program,
                *OPTIONS,
                f"--user-data-dir={folder}",
            ],
            pass_fds=(heard, said),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": folder},
        )
        os.close(heard)
        os.close(said)
        try:
            yield Browser(hear, say)
        finally:
            os.close(say)  # it ends when nobody can tell it anything any more
            os.close(hear)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
