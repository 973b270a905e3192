"""The camera: a code held in front of it is read, on this device."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import segno
from playwright.async_api import async_playwright, expect

from .conftest import PHONE, Outside, Person

SIDE_PX = 480


def film(text: str, path: Path) -> Path:
    """A film of one still frame that shows ``text`` as a QR code: YUV4MPEG2, which Chromium takes as a camera."""
    rows = [list(row) for row in segno.make(text, error="m").matrix]
    border = 4
    scale = SIDE_PX // (len(rows) + 2 * border)
    luma = bytearray([235]) * (SIDE_PX * SIDE_PX)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            for line in range(scale if dark else 0):
                start = ((y + border) * scale + line) * SIDE_PX + (x + border) * scale
                luma[start : start + scale] = bytes([16]) * scale
    head = f"YUV4MPEG2 W{SIDE_PX} H{SIDE_PX} F10:1 Ip A1:1 C420jpeg\n".encode()
    grey = bytes([128]) * (SIDE_PX * SIDE_PX // 2)
    path.write_bytes(head + b"FRAME\n" + bytes(luma) + grey)
    return path


async def test_a_code_in_front_of_the_camera_is_read(funded: Person, outside: Outside, tmp_path: Path) -> None:
    invoice = await outside.invoice(1_200, "Scanned")
    picture = film(f"lightning:{invoice}".upper(), tmp_path / "camera.y4m")
    state = await funded.page.context.storage_state()
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={picture}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    path = os.environ.get("HAZINA_CHROMIUM") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        context = await browser.new_context(viewport=PHONE, storage_state=state, permissions=["camera"])
        page = await context.new_page()
        await page.goto(f"{funded.bank.url}/wallet/scan")
        await expect(page.get_by_role("heading", name="Check and send")).to_be_visible()
        await expect(page.get_by_role("main")).to_contain_text("Scanned")
        await browser.close()
