import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_onnx_runtime_does_not_call_home(tmp_path: Path) -> None:
    # What it keeps for that (a session file, a device id) is the trace that can be seen without a network.
    code = (
        "from pathlib import Path; from services.classify.serving.scorer import OnnxScorer\n"
        "OnnxScorer(Path('models/shipped'), max_tokens=64)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORT_") and name != "CI"}
    environment |= {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == [], "left behind"
