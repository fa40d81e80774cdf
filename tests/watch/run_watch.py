"""`watch` as a process of its own, set up by the environment like any worker."""

import asyncio
import os
import signal
import sys

from services.runtime import logs
from services.runtime.settings import Shared, read
from services.watch.settings import WatchSettings
from services.watch.worker import serve


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(read(WatchSettings, os.environ, "watch"), read(Shared, os.environ, "watch"), stop)


logs.setup("watch")
sys.exit(asyncio.run(main()))
