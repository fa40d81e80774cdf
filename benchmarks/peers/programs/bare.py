"""The bare transactional loop of `benchmarks.passthrough`: what the client library allows."""

import signal
import sys

from confluent_kafka import libversion

from benchmarks.passthrough import bare
from benchmarks.passthrough.job import Job as Passing
from benchmarks.peers.job import Told, asked, tell


def main(argument: str) -> None:
    """Pass all records on, then wait to be told to stop."""
    job = asked(argument)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = {"batch": job.batch, "garbage collector": "as the runtime's" if job.tuned else "as Python's"}
    tell(
        Told(
            versions={"librdkafka": libversion()[0]},
            settings=settings | bare.PRODUCER | bare.CONSUMER,
            guarantee="exactly once",
            at_a_time=f"up to {job.batch:,}",
            note="no dead letters, state, metrics, or rewinding after an abort",
        )
    )
    plan = Passing(
        side="bare",
        bootstrap=job.bootstrap,
        kind=job.kind,
        source=job.source,
        target=job.target,
        group=job.group,
        records=job.records,
        batch=job.batch,
    )
    bare.run(plan, headers=True, tuned=job.tuned)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
