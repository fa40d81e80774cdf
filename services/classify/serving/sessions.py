"""Sessions of ONNX Runtime, and the one place where it is imported."""

import os

# When it is loaded, ONNX Runtime (1.31 does) begins to tell its maker about the machine and its models, unless this is
# set before; `disable_telemetry_events` comes too late. What a city runs is nobody's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
from onnxruntime import ExecutionMode, InferenceSession, SessionOptions

__all__ = ["InferenceSession", "session"]


def session(model: bytes) -> InferenceSession:
    """Give a session that keeps to one thread of its own process: more cores are more processes."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
