"""What exactly is said to this subscriber, in pieces that were recorded beforehand?

A text of a campaign is a Jinja2 template over `offer` (the key's own package), `offers` (by key),
`subscriber` and `event`. Offers are known when the campaign is loaded; the subscriber's fields only at the
call. So a text becomes pieces: fixed ones, rendered per offer at load, and values spoken from number
pieces. Nothing is synthesised while a call is up.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One thing to say: as a person reads it, and the pieces (written text each) whose files are played."""

    written: str
    pieces: tuple[str, ...]
