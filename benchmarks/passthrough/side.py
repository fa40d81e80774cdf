"""One side as a process of its own: a `Job` comes as the argument, a `Done` goes to standard output."""

import sys

import msgspec

from benchmarks.passthrough import bare, runtime
from benchmarks.passthrough.job import Done, Job


def main(argument: str) -> None:
    """Do the job that the argument describes."""
    job = msgspec.json.decode(argument, type=Job)
    print(msgspec.json.encode(_run(job)).decode())


def _run(job: Job) -> Done:
    match job.side:
        case "runtime":
            return runtime.run(job)
        case "bare" | "bare_tuned":
            return bare.run(job, headers=True, tuned=job.side == "bare_tuned")
        case "bare_without_headers":
            return bare.run(job, headers=False, tuned=False)


if __name__ == "__main__":
    main(sys.argv[1])
