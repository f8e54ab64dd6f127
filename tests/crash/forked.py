"""How does a test start the system in a moment, forty times over? Forked from a process that has imported it."""

import multiprocessing
import os
import sys
from collections.abc import Callable

import cli
from demo.world import World

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.crash.forked", "tests.crash.imported"])


def _main(alter: Callable[[], None] | None, config: str, log: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.update(environment)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(written, stream)
    if alter:
        alter()
    sys.argv = ["mai", "run", "--config", config]
    cli.main()


class Forked:
    """A running `mai run`, as subprocess.Popen would have it. `alter`: what is done in the process before it begins."""

    def __init__(self, world: World, alter: Callable[[], None] | None = None) -> None:
        what = (alter, str(world.config), str(world.folder / "mai.log"), world.environment)
        self._process = _FORKS.Process(target=_main, args=what)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} runs on")
        return self._process.exitcode

    def send_signal(self, sig: int) -> None:
        os.kill(self.pid, sig)

    def kill(self) -> None:
        self._process.kill()
