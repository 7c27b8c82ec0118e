"""A real Chromium for tests, driven through its DevTools protocol over two pipes: no web socket, no library.

    with browser.chromium() as chrome:
        page = chrome.open("http://127.0.0.1:8000", width=390, height=800, dark=True)
        page.wait("document.querySelector('#progress')")
        page.press("2")
        page.click("#undo")
        page.screenshot(tmp_path / "page.png")
        assert page.evaluate("document.title") == "..." and not page.errors and page.outside() == []

Protocol: https://chromedevtools.github.io/devtools-protocol/; `--remote-debugging-pipe` reads JSON messages that end
in a zero byte from descriptor 3 and writes them to 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions", "--mute-audio",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
KEYS = {  # what `press` knows besides single characters: name -> Windows key code, the text it types
    "Enter": (13, "\r"), "Tab": (9, ""), "Backspace": (8, ""), "Escape": (27, ""), "Delete": (46, ""),
    "ArrowLeft": (37, ""), "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""), "Home": (36, ""),
    "End": (35, ""), "PageUp": (33, ""), "PageDown": (34, ""), " ": (32, " "),
}  # fmt: skip
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
PATIENCE = 30.0  # seconds: other work may share the cores


@contextmanager
def chromium() -> Iterator["Chromium"]:
    """One headless browser with a profile of its own; skips the test where there is none. Start one a module: it
    takes a second or two."""
    place = next(filter(None, map(shutil.which, NAMES)), None)
    if place is None:
        pytest.skip("there is no Chromium on the path (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chrome = Chromium(place, profile)
        try:
            yield chrome
        finally:
            chrome.close()


class Chromium:
    def __init__(self, place: str, profile: str):
        ours, theirs = _pipe(), _pipe()  # (read, write): what it reads, what it writes
        with Path(os.devnull).open("wb") as nothing:
            actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), stream) for stream in (1, 2)]  # first: it may be 3 or 4
            actions += [(os.POSIX_SPAWN_DUP2, ours[0], 3), (os.POSIX_SPAWN_DUP2, theirs[1], 4)]
            command = [place, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
            self.process = os.posix_spawn(place, command, os.environ, file_actions=actions, setpgroup=0)
        os.close(ours[0]), os.close(theirs[1])
        self.write, self.read = ours[1], theirs[0]
        self.count, self.rest = 0, b""
        self.pages: dict[str, Page] = {}

    def open(self, url: str, width: int = 1200, height: int = 900, dark: bool = False, touch: bool = False) -> "Page":
        """A new tab with the page loaded. `touch` makes it a phone: no hover, a coarse pointer."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height, touch)
        page.dark(dark)
        page.go(url)
        return page

    def call(self, method: str, session: str = "", **parameters) -> dict:
        """Sends one command and returns its result; events that come in between go to their pages."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters} | (
            {"sessionId": session} if session else {}
        )
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data) :]
        until = time.monotonic() + PATIENCE
        while (answer := self.next(until, method)).get("id") != message["id"]:
            pass
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def next(self, until: float, what: str) -> dict:
        """The next message of the browser, once its page has seen it."""
        while b"\0" not in self.rest:
            if not select.select([self.read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise AssertionError(f"Chromium did not answer {what} within {PATIENCE:.0f} s")
            block = os.read(self.read, 1 << 20)
            if not block:
                raise AssertionError(f"Chromium ended before it answered {what}")
            self.rest += block
        line, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(line)
        if "method" in message and message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].saw(message["method"], message["params"])
        return message

    def close(self) -> None:
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            os.killpg(self.process, signal.SIGKILL)
        until = time.monotonic() + 5
        while os.waitpid(self.process, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.killpg(self.process, signal.SIGKILL)
            time.sleep(0.02)
        os.close(self.write), os.close(self.read)


class Page:
    """A tab.

    Attributes:
        requests: every address that was asked for, data: ones left out.
        errors: uncaught exceptions, console errors, failed requests, violations of the content security policy.
    """

    def __init__(self, chrome: Chromium, session: str):
        self.chrome, self.session = chrome, session
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.loaded = False

    def call(self, method: str, **parameters) -> dict:
        return self.chrome.call(method, self.session, **parameters)

    def saw(self, method: str, told: dict) -> None:
        if method == "Network.requestWillBeSent" and not told["request"]["url"].startswith("data:"):
            self.requests.append(told["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in told["args"]))

    def go(self, url: str) -> None:
        self.loaded = False
        if problem := self.call("Page.navigate", url=url).get("errorText"):
            raise AssertionError(f"{url}: {problem}")
        until = time.monotonic() + PATIENCE
        while not self.loaded:
            self.chrome.next(until, f"to load {url}")

    def evaluate(self, script: str):
        """The value of an expression of JavaScript, awaited if it is a promise; what JSON cannot hold is None."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in got:
            details = got["exceptionDetails"]
            raise AssertionError(f"{script}: {details.get('exception', {}).get('description') or details['text']}")
        return got["result"].get("value")

    def wait(self, script: str, seconds: float = PATIENCE):
        """Waits until an expression is true and returns its value."""
        until = time.monotonic() + seconds
        while not (value := self.evaluate(f"(v => v instanceof Node ? true : v)({script})")):
            assert time.monotonic() < until, f"{script} did not become true; the page says {self.text()[:500]!r}"
            time.sleep(0.02)
        return value

    def text(self, selector: str = "body") -> str:
        """What is shown of an element, "" where there is none or it is hidden."""
        found = f"document.querySelector({json.dumps(selector)})"
        return self.evaluate(f"(e => e?.checkVisibility() ? e.innerText : '')({found})")

    def press(self, key: str, *held: str) -> None:
        """One key, a character or a name of `KEYS`, with "Shift", "Control", "Alt" or "Meta" held."""
        code, text = KEYS.get(key, (ord(key.upper()) if len(key) == 1 else 0, key if len(key) == 1 else ""))
        held_bits = sum(MODIFIERS[name] for name in held)
        typed = text if not held_bits & ~MODIFIERS["Shift"] else ""
        told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": held_bits}
        told["code"] = (
            f"Key{key.upper()}" if key.isalpha() and len(key) == 1 else f"Digit{key}" if key.isdigit() else key
        )
        down = {"type": "keyDown", "text": typed} if typed else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **told, **down)
        self.call("Input.dispatchKeyEvent", **told, type="keyUp")

    def type(self, text: str) -> None:
        """Into what has the focus, in one go."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Waits until an element is shown and clicks its middle, as a mouse does: what lies on top gets the click."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
        x, y = self.evaluate(
            f"(e => (e.scrollIntoView({{block: 'center'}}), (r => [r.x + r.width / 2, r.y + r.height / 2])"
            f"(e.getBoundingClientRect())))(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def choose(self, selector: str, *files: Path) -> None:
        """Files for an <input type=file>."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(Path(file).resolve()) for file in files])

    def resize(self, width: int, height: int, touch: bool = False) -> None:
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.call("Emulation.setDeviceMetricsOverride", **told)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def dark(self, on: bool = True) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def offline(self, on: bool = True) -> None:
        limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=on, **limits)

    def screenshot(self, path: Path, whole: bool = False) -> Path:
        """A PNG of what is visible, or of the `whole` page."""
        got = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(got["data"]))
        return Path(path)

    def accessible(self) -> list[tuple[str, str]]:
        """(role, name) of everything that a screen reader is told, in the page's order."""
        nodes = {node["nodeId"]: node for node in self.call("Accessibility.getFullAXTree")["nodes"]}
        told, todo = [], [next(iter(nodes))]
        while todo:
            node = nodes[todo.pop()]
            if not node["ignored"]:
                told.append((node["role"]["value"], node.get("name", {}).get("value", "")))
            todo += [child for child in reversed(node.get("childIds", [])) if child in nodes]
        return told

    def focused(self) -> str:
        """The id of the element that has the focus, or its tag."""
        return self.evaluate("document.activeElement?.id || document.activeElement?.tagName.toLowerCase() || ''")

    def overflow(self) -> int:
        """CSS pixels by which the page is wider than the window: 0 where nothing has to be scrolled sideways."""
        return self.evaluate("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)")

    def outside(self) -> list[str]:
        """Requests that left the machine: [] is what every page of ours should give."""
        return [url for url in self.requests if urlsplit(url).hostname not in ("127.0.0.1", "localhost", None)]


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are above 9, so that 3 and 4 stay free in the child."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low)
    os.close(low[0]), os.close(low[1])
    return high
