"""The wired worker on the shipped town: it shows drafts also while Kafka is away, and ends when told."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession

from services.review.settings import ReviewSettings
from services.review.worker import serve
from services.runtime.settings import Shared

CITY_DIR = Path(__file__).resolve().parents[2] / "city"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_console_is_there_without_kafka_and_says_that_it_is_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.review")
    port = free_port()
    settings = ReviewSettings(port=port)
    shared = Shared(
        kafka_bootstrap="127.0.0.1:1", stormdrain_city_dir=CITY_DIR, stormdrain_state_dir=tmp_path / "state"
    )

    async def steps() -> tuple[list[int], str]:
        stop = asyncio.Event()
        listening = asyncio.Event()

        class Told(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.message == "listening":
                    listening.set()

        logger, told = logging.getLogger("services.review.worker"), Told()
        told.setFormatter(logging.Formatter())
        told.addFilter(lambda record: bool(told.format(record)))
        logger.addHandler(told)
        serving = asyncio.create_task(serve(settings, shared, stop))
        try:
            await listening.wait()
            url = f"http://127.0.0.1:{port}"
            async with ClientSession() as client:
                statuses = []
                for path in ("/healthz", "/", "/api/drafts", "/readyz"):
                    async with client.get(url + path) as answer:
                        statuses.append(answer.status)
                        words = await answer.text()
            return statuses, words
        finally:
            logger.removeHandler(told)
            stop.set()
            await serving

    async def bounded() -> tuple[list[int], str]:
        async with asyncio.timeout(30):
            return await steps()

    statuses, words = asyncio.run(bounded())
    assert statuses == [200, 200, 200, 503]
    assert words in {
        "Kafka has not been reached yet\n",
        "Kafka is not ready at 127.0.0.1:1: KafkaConnectionError\n",
    }
    assert "people say themselves who they are" in caplog.messages
