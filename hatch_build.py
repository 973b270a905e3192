"""Carry the built web bundle into a release wheel; an editable install reads it from ``web/dist``."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBundle(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        bundle = Path(self.root, "web", "dist")
        if not (bundle / ".vite" / "manifest.json").is_file():
            raise SystemExit("hazina: web/dist is missing; run ./dev web first")
        place = "hazina/_web" if self.target_name == "wheel" else "web/dist"
        build_data["force_include"][str(bundle)] = place
