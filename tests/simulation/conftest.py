"""One PostgreSQL for all simulations of this worker; the first makes the tables, the others copy them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hazina.kernel.embedded import Cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hazina-simulation-"))
    running = Cluster(folder / "pg", durable=False, shared_buffers_mb=128).start()
    try:
        yield folder
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
