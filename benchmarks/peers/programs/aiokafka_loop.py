"""aiokafka: its own transactional consume-process-produce, a batch of `getmany` in a transaction."""

import asyncio
import contextlib
import signal
import sys
from importlib.metadata import version

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.peers.job import Job, Told, asked, converter, tell

PRODUCER = {"compression_type": "lz4", "linger_ms": 2, "max_batch_size": 1_000_000}
CONSUMER = {"fetch_max_wait_ms": 100, "max_partition_fetch_bytes": 4_194_304, "isolation_level": "read_committed"}


def main(argument: str) -> None:
    """Run the loop until told to stop, on uvloop where that is installed."""
    job = asked(argument)
    runner = asyncio.run
    loop = "asyncio"
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - an environment without it is good enough for a test

        runner, loop = uvloop.run, f"uvloop {version('uvloop')}"
    tell(
        Told(
            versions={"aiokafka": version("aiokafka")},
            settings={"batch": job.batch, "event loop": loop, **PRODUCER, **CONSUMER},
            guarantee="exactly once",
            at_a_time=f"up to {job.batch:,}",
            note="it commits positions without the group's generation (KIP-447), so a member that was thought dead and"
            " comes back is not fenced by the group",
        )
    )
    runner(_run(job))


async def _run(job: Job) -> None:
    convert = converter(job).many
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    consumer = AIOKafkaConsumer(
        job.source,
        bootstrap_servers=job.bootstrap,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **CONSUMER,
    )
    producer = AIOKafkaProducer(bootstrap_servers=job.bootstrap, transactional_id=job.group, **PRODUCER)
    await producer.start()
    await consumer.start()
    while not stop.is_set():
        found = await consumer.getmany(max_records=job.batch, timeout_ms=200)
        if not found:
            continue
        records = [(record.value, record.headers) for some in found.values() for record in some]
        async with producer.transaction():
            for made in convert(records):
                await producer.send(job.target, made.value, made.key.encode(), headers=made.headers)
            positions = {place: some[-1].offset + 1 for place, some in found.items()}
            await producer.send_offsets_to_transaction(positions, job.group)
    await consumer.stop()
    await producer.stop()


if __name__ == "__main__":
    main(sys.argv[1])
