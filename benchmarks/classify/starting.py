"""How long a serving process takes from its start to its first answer, and how much memory it takes then."""

import json
import subprocess
import sys
import time
from pathlib import Path

_PROGRAM = r"""
import json, re, sys
from pathlib import Path
from services.classify.adapters import Langid
from services.classify.serving.scorer import OnnxScorer
scorer, langid = OnnxScorer(Path(sys.argv[1])), Langid(["en"])
texts = json.loads(sys.stdin.read())
scorer.score(texts[:1]), langid.tongues(texts[:1])
print(flush=True)
scorer.score(texts), langid.tongues(texts)
# getrusage would tell of the parent that it was forked from, too.
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def started(model: Path, texts: list[str]) -> dict[str, float]:
    """Give the seconds from the start of a process to its first answer, and its peak memory after all texts in MiB."""
    began = time.monotonic()
    command = [sys.executable, "-c", _PROGRAM, str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            message = "the process has no pipes"
            raise RuntimeError(message)
        process.stdin.write(json.dumps(texts))
        process.stdin.close()
        process.stdout.readline()
        first = time.monotonic() - began
        peak = int(process.stdout.readline()) / 1024
    return {"first_answer_s": round(first, 2), "peak_mib": round(peak, 1)}
