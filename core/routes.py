"""Which bind takes which message? By sender and programme; the bind that says more goes before one that says less."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.config import Bind


@dataclass(frozen=True, slots=True)
class Route:
    """Which messages a bind takes; empty: of every sender, every programme. `but`: what better binds take."""

    senders: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    but: tuple["Route", ...] = ()


EVERYTHING = Route()


def routes(binds: Sequence[Bind]) -> dict[str, Route]:
    """What each bind that sends takes. Binds that say the same share it."""
    senders = [bind for bind in binds if bind.bind != "receiver"]
    return {
        bind.name: Route(
            bind.senders,
            bind.programmes,
            tuple(
                Route(other.senders, other.programmes)
                for other in senders
                if _says(other) > _says(bind) and _overlap(bind, other)
            ),
        )
        for bind in senders
    }


def _says(bind: Bind) -> int:
    """How much a bind says of what it takes: a programme weighs more than a sender."""
    return 2 * bool(bind.programmes) + bool(bind.senders)


def _overlap(one: Bind, other: Bind) -> bool:
    same_sender = not one.senders or not other.senders or set(one.senders) & set(other.senders)
    same_programme = not one.programmes or not other.programmes or set(one.programmes) & set(other.programmes)
    return bool(same_sender and same_programme)


def takes(route: Route, sender: str, programme: str | None) -> bool:
    """Whether a bind with this route takes such a message (the store asks the same in SQL)."""
    mine = (not route.senders or sender in route.senders) and (
        not route.programmes or (programme or "") in route.programmes
    )
    return mine and not any(takes(better, sender, programme) for better in route.but)


def untaken(
    binds: Sequence[Bind], wanted: Sequence[tuple[str, str | None]]
) -> tuple[tuple[str, str | None], ...]:
    """Those (sender, programme) that no bind takes: their messages would wait for ever."""
    known = routes(binds).values()
    return tuple(each for each in wanted if not any(takes(route, *each) for route in known))
