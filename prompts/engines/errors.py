"""Why does an engine not speak?"""


class CannotSpeak(Exception):
    """An engine that is not there, or a text that it cannot speak; the message says what would help."""
