"""One side as a process of its own: a `Job` comes as the argument, a `Done` goes to standard output."""

import sys

import msgspec

from benchmarks.passthrough import bare, runtime
from benchmarks.passthrough.job import Done, Job


def main(argument: str) -> None:
    """Do the job that the argument describes."""
    job = msgspec.json.decode(argument, type=Job)
    done: Done = runtime.run(job) if job.side == "runtime" else bare.run(job, headers=job.side == "bare")
    print(msgspec.json.encode(done).decode())


if __name__ == "__main__":
    main(sys.argv[1])
