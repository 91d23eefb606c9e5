"""A real browser, without a screen: Chromium, driven through chromedriver's WebDriver protocol."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import requests

from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

DRIVER = shutil.which("chromedriver")
_ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1400,1000",
    # Names that lead to this machine; a page of another site needs one.
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]  # fmt: skip


class Browser:
    """One browser with an empty profile."""

    def __init__(self, folder: Path) -> None:
        assert DRIVER is not None
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        with (folder / "chromedriver.log").open("wb") as log:
            self._process = subprocess.Popen([DRIVER, f"--port={port}"], stdout=log, stderr=log)
        wait_for(self._answers, "chromedriver", limit=60)
        options = {"args": [*_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/session/{made['sessionId']}"

    def _answers(self) -> bool:
        try:
            return bool(self._call("GET", "/status")["ready"])
        except requests.ConnectionError:
            return False

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._url + path, json=body, timeout=90).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, url: str) -> None:
        """Open a page, as from the address line."""
        self._call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page; what it returns, or what the promise that it returns becomes."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of Chromium's DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def scheme(self, name: str) -> None:
        """Let the system prefer "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.devtools("Emulation.setEmulatedMedia", features=[feature])

    def size(self, width: int, height: int) -> None:
        """Give the page so much room, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)

    def keys(self, text: str) -> None:
        """Press keys one after another, where the focus is; special keys have WebDriver's code points."""
        presses = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": presses}]})

    def find(self, selector: str) -> str:
        """WebDriver's name of the first element that a CSS selector matches."""
        return str(next(iter(self._call("POST", "/element", {"using": "css selector", "value": selector}).values())))

    def click(self, selector: str) -> None:
        """Click with the mouse on the first element that a CSS selector matches."""
        self._call("POST", f"/element/{self.find(selector)}/click", {})

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in an upload field, as its dialog does."""
        self._call("POST", f"/element/{self.find(selector)}/value", {"text": str(file)})

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the mouse at one point of the window, in CSS pixels, and release it at another."""
        points = [start, ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2), end]
        moves = [{"type": "pointerMove", "duration": 0, "x": x, "y": y, "origin": "viewport"} for x, y in points]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self._call("POST", "/actions", {"actions": [mouse]})

    def back(self) -> None:
        """Press the browser's back button."""
        self._call("POST", "/back", {})

    def complaints(self) -> list[str]:
        """What stands in the console since the last time: errors, and what a policy has blocked."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, *, whole: bool = False) -> bytes:
        """The page as PNG: what is in the window, or all of it."""
        if not whole:
            return base64.b64decode(self._call("GET", "/screenshot"))
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        taken = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(taken["data"])

    def stop(self) -> None:
        try:
            self._call("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(20)
