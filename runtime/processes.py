"""When has a process ended, ours or another's? Linux tells by a descriptor of it (pidfd_open(2))."""

import asyncio


async def ended(descriptor: int) -> None:
    """Returns when the process of this pidfd has ended; the descriptor stays open."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
