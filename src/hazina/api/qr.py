"""QR codes as pictures."""

from __future__ import annotations

import io

import segno


def qr_svg(text: str, error: str = "m") -> str:
    """A QR code as an SVG image, dark on light, with its quiet zone. ``error``: level of correction, l, m, q or h."""
    out = io.BytesIO()
    segno.make(text, error=error, micro=False).save(
        out, kind="svg", xmldecl=False, omitsize=True, border=4, dark="#000", light="#fff"
    )
    return out.getvalue().decode()
