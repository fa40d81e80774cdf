"""Where the peers live: a virtual environment for each, made once from its pinned requirements.

Their pins contradict each other and ours, so they cannot share one. They are kept per user, by the hash of the pins.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.side import LeftOutError, Place, Say
from services.sandbox.jars import exclusive

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements"


def cache(name: str) -> Path:
    """Give a folder of this user for what a race needs, which is made."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "stormdrain" / "peers" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def apart(name: str) -> Place:
    """Run a program with the Python of an environment of its own, holding `requirements/NAME.txt`."""
    return lambda program, say: [str(environment(name, say)), "-m", f"benchmarks.peers.programs.{program}"]


def environment(name: str, say: Say) -> Path:
    """Give the Python of a peer's environment, which is made where it is missing.

    Raises:
        LeftOutError: what it needs could not be installed.

    """
    wanted = REQUIREMENTS / f"{name}.txt"
    known = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache(f"{name}-{known}")
    python, ready = folder / "bin" / "python", folder / "ready"
    with exclusive(folder / ".lock"):
        if not ready.exists():
            say(f"making an environment for {name}")
            _install(folder, wanted)
            ready.touch()
    return python


def _install(folder: Path, wanted: Path) -> None:
    making = [sys.executable, "-m", "venv", str(folder)]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryFile("w+") as said:
        for words in (making, [*pip, "-r", str(wanted)]):
            if subprocess.run(words, stdout=said, stderr=said, check=False).returncode:
                said.seek(0)
                last = said.read().strip().splitlines()[-1:]
                message = f"{wanted.name} could not be installed: {''.join(last)}"
                raise LeftOutError(message)
