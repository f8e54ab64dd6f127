"""Does the machine keep up with its own calls? What it leaves of the calls per second when it does not.

A machine that is given more calls than it bears answers phones late, and then too late. So the pace gives way while
what the process writes waits long, or what it asks of Asterisk, and comes back as both catch up (additive increase,
multiplicative decrease).
"""

#: A wait that takes less leaves the pace to grow, one that takes more makes it give way, in seconds.
WELL_S, LATE_S = 0.25, 0.5
#: Nothing is begun while a wait takes so long, in seconds.
STOP_S = 2.0
_LEAST = 0.02
_LESS, _MORE = 0.7, 0.05


def pace_kept(pace: float, took_s: float) -> float:
    """The share of the pace from now on, looked at once a second: 0.02...1. `took_s`: the longest wait just now."""
    if took_s > LATE_S:
        return max(_LEAST, min(pace, 1.0) * _LESS)
    if took_s < WELL_S:
        return min(1.0, max(pace, _LEAST) + _MORE)
    return min(1.0, max(pace, _LEAST))
