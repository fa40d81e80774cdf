"""Small programs to be supervised."""

import sys
from pathlib import Path

from services.runtime.supervisor import Program

SAYS_READY = "import sys, time; print('ready', flush=True); time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
ENDS_AT_ONCE = "raise SystemExit(3)"


def program(folder: Path, name: str, code: str) -> Program:
    """Give a program that runs `code`."""
    return Program(name=name, command=[sys.executable, "-c", code], environment={}, log=folder / "logs" / f"{name}.log")
