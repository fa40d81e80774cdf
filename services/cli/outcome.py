"""What became of an export that was sent: row by row, in numbers, and as an exit status."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from services.cli.export import Export, Problem, Survey
from services.cli.passage import console
from services.sandbox.gateway import Sent

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = 20
"""Reasons that are listed, the first ones in the file."""
LINES = 5
"""Lines that are named for one reason."""
EXIT_SOME = 3
"""Rows were left out or refused."""


@dataclass(kw_only=True)
class Outcome:
    """What became of an export."""

    export: Export
    survey: Survey
    door: str
    sent: Sent = field(default_factory=Sent)
    problems: list[Problem] = field(default_factory=list)
    """Rows that were not sent, and rows that the door refused, by line."""
    dry_run: bool = False
    fault: str = ""
    """Why it ended early."""

    @property
    def status(self) -> int:
        """Give the exit status."""
        return 1 if self.fault else EXIT_SOME if self.problems else 0

    def figures(self) -> dict[str, Any]:
        """Give the line for machines. `left_out` and `refused` are rows; `reasons` counts both."""
        sent = self.sent
        return {
            "file": str(self.export.path),
            "door": self.door or None,
            "dry_run": self.dry_run,
            "rows": self.survey.rows,
            "accepted": len(sent.accepted),
            "repeated_rows": self.survey.repeats,
            "left_out": len(self.survey.problems),
            "refused": len(sent.refused),
            "not_sent": len(self.survey.lines) - len(sent.accepted) - len(sent.refused),
            "reasons": dict(Counter(problem.code for problem in self.problems).most_common()),
            "repeats": sent.repeats,
            "seconds": round(sent.seconds, 1),
            "per_second": round(len(sent.accepted) / sent.seconds, 1) if sent.seconds else None,
            "fault": self.fault or None,
        }

    def table(self) -> Table:
        """Give the closing table."""
        figures = self.figures()
        table = Table(title=self.export.path.name, show_header=False, title_justify="left")
        table.add_column(style="bold")
        table.add_column(justify="right")
        taken = "the door would accept" if self.dry_run else "accepted by the door"
        for label, key in (("rows", "rows"), (taken, "accepted")):
            table.add_row(label, f"{figures[key]:,}")
        for label, key in (
            ("said an earlier row again", "repeated_rows"),
            ("left out", "left_out"),
            ("would be refused" if self.dry_run else "refused by the door", "refused"),
            ("not sent any more", "not_sent"),
        ):
            if figures[key]:
                table.add_row(label, f"{figures[key]:,}")
        if self.problems:
            table.add_section()
            for code, number in figures["reasons"].items():
                table.add_row(code, f"{number:,}")
        if not self.dry_run:
            table.add_section()
            table.add_row("seconds", f"{figures['seconds']:,}")
            table.add_row("reports a second", f"{figures['per_second'] or 0:,}")
            if sent := figures["repeats"]:
                table.add_row("calls made again", f"{sent:,}")
        return table

    def listed(self) -> list[str]:
        """Give the problems to read: lines that lack the same together, and of many the first."""
        lines: dict[str, list[int]] = {}
        for problem in self.problems:
            lines.setdefault(problem.text, []).append(problem.line)
        found = []
        for text, numbers in list(lines.items())[:SHOWN]:
            first = ", ".join(str(number) for number in numbers[:LINES])
            more = f" and {len(numbers) - LINES:,} more" if len(numbers) > LINES else ""
            found.append(f"{'line' if len(numbers) == 1 else 'lines'} {first}{more}: {text}")
        if len(lines) > SHOWN:
            left = sum(len(numbers) for numbers in list(lines.values())[SHOWN:])
            found.append(f"and {left:,} more rows for other reasons; --problems FILE writes all of them down")
        return found

    def gather(self) -> None:
        """Add what the door refused to the problems, by line."""
        for name, faults in self.sent.refused:
            line = self.survey.lines.get(name, 0)
            text = "; ".join(str(fault.get("description", "")) for fault in faults)
            code = str(faults[0].get("code", "")) if faults else "unknown"
            self.problems.append(Problem(line, code, text))
        self.problems.sort(key=lambda problem: problem.line)

    def write_problems(self, path: Path) -> None:
        """Write every problem down, one JSON object a line."""
        lines = [{"line": each.line, "code": each.code, "text": each.text} for each in self.problems]
        try:
            path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), "utf-8")
        except OSError as error:
            self.fault = self.fault or f"--problems {path} cannot be written: {error.strerror}"

    def tell(self, *, as_json: bool) -> None:
        """Tell it: by a table for people and a line for machines, or by one JSON object alone."""
        figures = json.dumps(self.figures(), ensure_ascii=False)
        if as_json:
            print(figures, flush=True)
            return
        for line in self.listed():
            console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
        console.print(self.table())
        if self.dry_run:
            console.print("this was a dry run: nothing was sent")
        if self.fault:
            console.print(self.fault, style="red", markup=False, highlight=False, soft_wrap=True)
        print(f"SEND {figures}", flush=True)
