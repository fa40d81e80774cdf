"""What a process takes to load a town and index its layers: seconds, and how much its memory grows."""

import json
import subprocess
import sys
from pathlib import Path

_PROGRAM = r"""
import gc, json, re, sys, time
from pathlib import Path
from services.city.load import load
from services.route.adapters import ShapelyAtlas
def held(what):
    gc.collect()
    return int(re.search(what + r":\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
before, wall, cpu = held("VmRSS"), time.perf_counter(), time.process_time()
city = load(Path(sys.argv[1]))
loaded, loaded_cpu = time.perf_counter(), time.process_time()
atlas = ShapelyAtlas(city.layers)
ended, ended_cpu = time.perf_counter(), time.process_time()
print(json.dumps({
    "layers": len(city.layers),
    "areas": sum(len(layer.areas) for layer in city.layers),
    "load_s": round(loaded - wall, 2),
    "index_s": round(ended - loaded, 2),
    "cpu_s": round(ended_cpu - cpu, 2),
    "index_cpu_s": round(ended_cpu - loaded_cpu, 2),
    "grown_mib": round(held("VmRSS") - before, 1),
    "peak_grown_mib": round(held("VmHWM") - before, 1),
}))
"""


def started(city: Path) -> dict[str, float]:
    """Give seconds by the clock and of the processor, and MiB of resident memory: kept, and at the most."""
    ran = subprocess.run([sys.executable, "-c", _PROGRAM, str(city)], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found
