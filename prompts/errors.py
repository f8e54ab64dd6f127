"""Why is there no sound? An engine that does not speak, a piece that was not or could not be made."""

_SHOWN = 20  #: failures that one error lists by name


class CannotSpeak(Exception):
    """An engine that is not there, or a text that it cannot speak; the message says what would help."""


class NotMade(Exception):
    """A piece that has no file yet: `make` was not called for it, or failed."""


class CannotMake(Exception):
    """Pieces that could not be made, each with the reason; all others were."""

    def __init__(self, failures: tuple[tuple[str, str], ...]) -> None:
        lines = [f"\n  {piece!r}: {reason}" for piece, reason in failures[:_SHOWN]]
        more = f"\n  and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
        super().__init__(f"prompts that could not be made: {len(failures)}{''.join(lines)}{more}")
        self.failures = failures
