"""A page in Chromium, driven over the DevTools protocol: for tests of what only a browser does."""

import asyncio
import base64
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell"))), None
)
IN_CHROMIUM = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH"),
    pytest.mark.slow,
]
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip

KEY_CODES = {"Tab": 9, "Enter": 13, "ArrowDown": 40}
"""Keys that Chromium acts on by their number alone."""
MOST_TABS = 120


class CallError(Exception):
    """The browser refused a call, as it does while it leaves a page."""


class Page:
    """One open page, driven over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.sent = 0
        self.requested: list[str] = []

    async def call(self, method: str, **parameters):
        self.sent += 1
        await self.socket.send_json({"id": self.sent, "method": method, "params": parameters})
        while True:
            message = await self.socket.receive_json(timeout=30)
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message.get("id") == self.sent:
                if "error" in message:
                    raise CallError(message["error"])
                return message["result"]

    async def evaluate(self, script: str):
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def goto(self, address: str):
        await self.evaluate("window.isLeft = true")
        left = await self.call("Page.navigate", url=address)
        assert "errorText" not in left, left
        await self.wait_for("!window.isLeft && document.readyState === 'complete'")

    async def wait_for(self, condition: str):
        """Until a condition holds; a page may be on its way meanwhile."""
        deadline = time.monotonic() + 30
        while True:
            with suppress(CallError):
                if await self.evaluate(f"Boolean({condition})"):
                    return
            assert time.monotonic() < deadline, f"never came true: {condition}"
            await asyncio.sleep(0.02)

    async def press(self, key: str):
        """A key as a person presses it."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = {"windowsVirtualKeyCode": KEY_CODES[key]} if key in KEY_CODES else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, **code)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    async def tab_to(self, selector: str):
        """Press Tab until an element has the focus, which a reader has to see."""
        for _ in range(MOST_TABS):
            await self.press("Tab")
            if await self.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                assert await self.evaluate(
                    "(box => box.width > 0 && box.bottom > 0 && box.top < innerHeight)"
                    "(document.activeElement.getBoundingClientRect())"
                ), f"has the focus out of sight: {selector}"
                return
        raise AssertionError(f"no Tab leads to {selector}")

    async def looks(self, *, width: int, height: int, scheme: str):
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def picture(self) -> bytes:
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def choose(self, control: str, value: str):
        script = f"(c => {{ c.value = {json.dumps(value)}; c.dispatchEvent(new Event('change')) }})"
        await self.evaluate(f"{script}(document.getElementById('{control}'))")

    async def where(self) -> str:
        return await self.evaluate("document.getElementById('where').textContent")


@asynccontextmanager
async def opened(address: str, profile: Path, *, size: str = "1400,1000") -> Iterator[Page]:
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *QUIET, f"--user-data-dir={profile}", f"--window-size={size}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        ready = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (ready.exists() and ready.read_text().strip()):
            assert time.monotonic() < deadline, "chromium did not start within a minute"
            await asyncio.sleep(0.05)
        port = ready.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            targets = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
            socket_url = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
            async with session.ws_connect(socket_url, max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Network.enable")
                await page.call("Page.enable")
                await page.goto(address)
                yield page
    finally:
        # Debian's command is a script that waits for the browser: ending the script alone would leave that running.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
