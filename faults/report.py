"""The table: what each fault promised, what was measured, whether it holds."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- begin: written by ./dev faults -->", "<!-- end -->"
AGAIN = " was measured again:"


@dataclass
class Finding:
    """One fault's row. ``wrong`` are sentences; none of them is a verdict of "held". ``left_out``: why it was
    not run."""

    name: str
    title: str
    promised: str
    measured: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left_out: str = ""
    seconds: float = 0.0

    def says(self, text: str, holds: bool = True) -> None:
        """A measured figure, and whether it is as promised."""
        self.measured.append(text)
        if not holds:
            self.wrong.append(text)

    @property
    def verdict(self) -> str:
        return "left out" if self.left_out else "BROKEN" if self.wrong else "held"

    @property
    def row(self) -> str:
        measured = self.left_out or "; ".join(self.measured)
        cells = [f"{self.name} {self.title}", self.promised, measured, self.verdict]
        return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


HEAD = "| fault | promised | measured | verdict |\n|---|---|---|---|"


def table(findings: Iterable[Finding]) -> str:
    return "\n".join([HEAD, *(finding.row for finding in findings)])


def machine() -> str:
    """The machine in one line, without its name."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (named := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        model = f" ({named[1].strip()})"
    return f"{os.cpu_count()} cores{model}, {memory_gb:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def write(findings: list[Finding], seconds: float, calm: str, page: Path = PAGE) -> None:
    """Put the table of a whole run between the page's marks; the rest of the page is written by hand."""
    text = (
        f"{BEGIN}\n\nMeasured {today()} on {machine()}; all of it in {seconds / 60:.0f} minutes. {calm}\n\n"
        f"{table(findings)}\n\n{END}"
    )
    page.write_text(replaced(page.read_text(), text))


def write_some(findings: list[Finding], page: Path = PAGE) -> None:
    """Put the rows of these faults in the places of their old ones, and say below the table when they were
    measured. Raises ValueError for a page without a table, or with one that has no such row."""
    page.write_text(with_rows(page.read_text(), findings, f"{today()} on {machine()}"))


def with_rows(page: str, findings: Iterable[Finding], when: str) -> str:
    before, _, rest = page.partition(BEGIN)
    written, _, after = rest.partition(END)
    top, rows, below = [], {}, {}
    for line in written.strip().split("\n"):
        if row := re.match(r"\| ([A-Z0-9]+) ", line):
            rows[row[1]] = line
        elif again := re.match(rf"- (\w+){AGAIN}", line):
            below[again[1]] = line
        else:
            top.append(line)
    for finding in findings:
        if finding.name not in rows:
            raise ValueError(f"the page's table has no {finding.name}: write all of it once")
        rows[finding.name] = finding.row
        below[finding.name] = f"- {finding.name}{AGAIN} {when}."
    parts = ["\n".join(top).strip() + "\n" + "\n".join(rows.values()), "\n".join(below[one] for one in sorted(below))]
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


def replaced(page: str, text: str) -> str:
    """Raises ValueError for a page without the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no marks {BEGIN} and {END}")
    return before + text + after


@dataclass(frozen=True)
class Fault:
    """One fault of the list. ``strike`` writes figures into the finding."""

    name: str
    title: str
    promised: str
    strike: Callable[..., None]


FAULTS: dict[str, Fault] = {}


def fault(name: str, title: str, promised: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put a function into the list."""

    def put(strike: Callable[..., None]) -> Callable[..., None]:
        assert name not in FAULTS, name
        FAULTS[name] = Fault(name, title, promised, strike)
        return strike

    return put
