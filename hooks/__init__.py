"""How are packages registered in outside systems? One file a kind, named in `KINDS`."""

from collections.abc import Callable

from core.config import Registration
from hooks.answers import Hook
from hooks.http import HttpHook

#: `registration.kind` of config.yaml -> the hook.
KINDS: dict[str, Callable[[Registration], Hook]] = {"http": HttpHook}
