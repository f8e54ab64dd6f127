"""The real Asterisk of tests/asterisk, for what is left on it when a controller dies."""

from tests.asterisk.conftest import callee, prompts, world

__all__ = ["callee", "prompts", "world"]
