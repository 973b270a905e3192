"""QR codes as pictures."""

from __future__ import annotations

import io

import segno


def qr_svg(text: str) -> str:
    """A QR code as an SVG image, dark on light, with its quiet zone."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, omitsize=True, border=4, dark="#000", light="#fff"
    )
    return out.getvalue().decode()
