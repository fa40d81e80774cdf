"""Scoring by itself: tokenizer and ONNX Runtime, a batch at a time; no Kafka, no JSON."""

import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.peers.job import Alone, Told, asked, tell
from benchmarks.peers.scoring import Scoring


def main(argument: str) -> None:
    """Score the texts of the job's file."""
    job = asked(argument)
    texts = msgspec.json.decode(Path(job.source).read_bytes(), type=list[str])
    scorer = Scoring(job).scorer
    tell(
        Told(
            versions={name: version(name) for name in ("onnxruntime", "tokenizers", "numpy")},
            settings={"batch": job.batch, "threads": 1},
            guarantee="no records",
            at_a_time=f"{job.batch:,}",
            note="it neither reads nor writes records",
        )
    )
    scorer.score(texts[: job.batch])
    began, began_cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(texts), job.batch):
        scorer.score(texts[first : first + job.batch])
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        msgspec.json.encode(Alone(records=len(texts), seconds=seconds, cpu_seconds=cpu_seconds, peak_mib=peak)).decode()
    )


if __name__ == "__main__":
    main(sys.argv[1])
