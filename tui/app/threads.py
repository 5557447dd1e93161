"""Work beside the event loop that may take long, and that nobody waits for when the app ends."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` on a thread of its own; return or raise what it does.

    `asyncio.to_thread` would make the loop wait at its end for all that was begun.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from now on it cannot be cancelled, only ignored

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised to who asked
            done.set_exception(error)

    threading.Thread(target=run, name="beside the loop", daemon=True).start()
    return await asyncio.wrap_future(done)
