"""Wiring of `watch`, which runs under Faust instead of the transactional loop."""

import asyncio
import logging

from services.runtime.health import HealthServer
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared
from services.runtime.slots import lease
from services.watch.app import NAME, READS, WRITES, Watch, WatchError
from services.watch.settings import WatchSettings

log = logging.getLogger(__name__)


async def serve(
    settings: WatchSettings, shared: Shared, stop: asyncio.Event, kafka: KafkaSettings | None = None
) -> None:
    """Watch until `stop` is set.

    Raises:
        WatchError: a topic is missing, or the process has to be started anew.
        SlotTakenError, OSError: the slot or the port is taken.

    """
    kafka = kafka or KafkaSettings(bootstrap=shared.bootstrap)
    await asyncio.to_thread(_check, kafka)
    metrics = Metrics(NAME)
    with lease(shared.state_dir / "slots", NAME) as slot:
        metrics.info(slot=slot.name)
        watch = Watch(settings, kafka, instance=slot.name, data_dir=shared.state_dir / slot.name, metrics=metrics)
        probes = (watch.heartbeat.probe, watch.ready)
        health = HealthServer(settings.metrics_port, *probes, metrics.registry, host=settings.host).start()
        log.info("listening", extra={"port": health.port})
        try:
            await watch.run(stop)
        finally:
            health.stop()


def _check(kafka: KafkaSettings) -> None:
    clients = KafkaClients(kafka)
    missing = [topic for topic in (READS, *WRITES, f"{NAME}.dead.v1") if not clients.partitions(topic)]
    if missing:
        message = f"watch cannot start: {', '.join(missing)} not on {kafka.bootstrap}; run `stormdrain topics apply`"
        raise WatchError(message)
