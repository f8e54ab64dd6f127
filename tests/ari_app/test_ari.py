"""Does the connection to Asterisk hold against what a server may do? Against a fake that misbehaves."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ari_app.ari import Ari, AriAway, AriError, Events, channel_of
from ari_app.requests import Waits
from tests.ari_app.fake_ari import PATIENCE_S, fake_ari


def about(channel: str, kind: str = "StasisStart") -> dict[str, Any]:
    return {"type": kind, "channel": {"id": channel}}


async def until(events: Events, kind: str) -> list[str]:
    """The kinds of all events up to this one."""
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while kind not in seen:
            seen.append((await events.get())["type"])
    return seen


async def test_events_go_to_who_listens_to_their_channel_and_nowhere_else() -> None:
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        with ari.listen("one") as one, ari.listen("two") as two:
            await fake.send(
                about("two"),
                about("nobody"),
                {"type": "Dial", "peer": {"id": "one"}, "caller": {"id": "two"}},
                {"type": "PlaybackStarted", "playback": {"id": "p", "target_uri": "channel:one"}},
                about("one", "last"),
                about("two", "last"),
            )
            assert await until(one, "last") == ["Dial", "PlaybackStarted", "last"]
            assert await until(two, "last") == ["StasisStart", "last"]


async def test_what_is_no_event_of_ours_is_ignored() -> None:
    """An event that is unknown, empty, or no JSON at all does not end the connection."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        with ari.listen("one") as one:
            await fake.send("{", "", "[]", "7", '{"type": null, "channel": null}', '{"playback": 3}')
            await fake.send({"type": "FromTheFuture", "channel": "one"}, about("one", "last"))
            assert await until(one, "last") == ["last"]
        assert fake.connections == 1


async def test_a_lost_websocket_comes_back_and_every_listener_is_told() -> None:
    """DESIGN §3: events of the gap are lost, so each call asks what is left of it."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        with ari.listen("one") as one, ari.listen("two") as two:
            await fake.drop()
            await fake.connected(2)
            await ari.ready(5)
            await fake.send(about("one", "after"), about("two", "after"))
            assert await until(one, "after") == ["Lost", "Reconnected", "after"]
            assert await until(two, "after") == ["Lost", "Reconnected", "after"]


async def test_who_began_to_listen_in_the_gap_is_told_of_the_reconnect_too() -> None:
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        await fake.drop()
        async with asyncio.timeout(PATIENCE_S):
            await ari.until("away")
        with ari.listen("late") as late:
            assert await until(late, "Reconnected") == ["Reconnected"]


async def test_a_refusal_carries_its_status_and_what_asterisk_said() -> None:
    def refuse(*_: object) -> web.Response:
        return web.json_response({"message": "Channel not found"}, status=404)

    async with fake_ari(refuse) as fake, Ari(fake.url, "u", "p") as ari:
        with pytest.raises(AriError, match="404 Channel not found") as refused:
            await ari.request("GET", "channels", "gone")
    assert refused.value.status == 404


@pytest.mark.parametrize(("body", "status"), [("<html>", 200), ("<html>", 500), ("", 503), ("[1]", 400)])
async def test_an_answer_that_is_no_json_is_an_error_and_no_crash(body: str, status: int) -> None:
    async with (
        fake_ari(lambda *_: web.Response(text=body, status=status)) as fake,
        Ari(fake.url, "u", "p") as ari,
    ):
        with pytest.raises(AriError) as refused:
            await ari.request("GET", "channels")
    assert refused.value.status == status


async def test_a_request_that_is_not_answered_ends_at_its_deadline() -> None:
    """Every request has a deadline; it may have reached Asterisk, so its effect is not known."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p", deadline_s=0.2) as ari:
        fake.answering.clear()
        with pytest.raises(AriAway) as away:
            await ari.request("POST", "channels", "create")
    assert away.value.sent


async def test_a_refused_connection_says_that_nothing_was_sent() -> None:
    async with fake_ari() as fake:
        url = fake.url
    async with Ari(url, "u", "p") as ari:
        with pytest.raises(AriAway) as away:
            await ari.request("POST", "channels", "create")
    assert not away.value.sent


def test_what_still_waits_counts_among_the_waits() -> None:
    """Issue 5, 5: an Asterisk that is late is noticed before the first deadline passes, and forgotten when it is not."""
    now = 100.0
    waits = Waits(lambda: now)
    assert waits.lately() == 0.0
    with waits.one():
        now += 1
        with waits.one():
            now += 1
            assert waits.lately() == 1.5  # 2 s and 1 s
        now += 2
        assert waits.lately() == 2.5  # one that took 1 s, one that waits for 4 s
    assert waits.lately() == 4.0
    assert waits.lately() == 0.0


async def test_an_asterisk_tells_how_long_it_lets_requests_wait() -> None:
    """Issue 5, 5."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        ari.waited_s()
        fake.answering.clear()
        asking = asyncio.create_task(ari.request("GET", "channels"))
        await fake.was_asked("GET", "/ari/channels")
        assert ari.waited_s() > 0
        fake.answering.set()
        await asking


async def test_a_part_of_a_path_cannot_become_another_path() -> None:
    """An id with a slash or a question mark stays one part."""
    async with fake_ari(lambda *_: web.json_response([])) as fake, Ari(fake.url, "u", "p") as ari:
        await ari.request("GET", "channels", "../asterisk?x=1#y/z")
        assert fake.asked == [("GET", "/ari/channels/..%2Fasterisk%3Fx%3D1%23y%2Fz")]


_REPLACED = {"type": "ApplicationReplaced", "application": "mai"}


async def test_a_late_answer_to_our_own_connection_does_not_end_us() -> None:
    """An Asterisk that stood still answers what we had given up; seen: SIGSTOP for 40 s, and we were replaced for good."""
    async with fake_ari() as fake:
        fake.answering.clear()
        async with Ari(fake.url, "u", "p", deadline_s=0.2) as ari:
            async with asyncio.timeout(PATIENCE_S):
                while fake.knocked < 2:  # noqa: ASYNC110 - the first was given up, and will be answered all the same
                    await asyncio.sleep(0.01)
            fake.answering.set()
            await ari.ready(PATIENCE_S)
            with ari.listen("one") as one:
                await fake.send(_REPLACED)
                assert await until(one, "Reconnected") == ["Lost", "Reconnected"]


async def test_another_controller_ends_us_for_good() -> None:
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(PATIENCE_S)
        with ari.listen("one") as one:
            await fake.send(_REPLACED)
            assert await until(one, "Lost") == ["Lost"]
        async with asyncio.timeout(PATIENCE_S):
            await ari.until("replaced")
        assert fake.connections == 1


async def test_the_events_wanted_are_asked_for_again_until_the_application_is_known() -> None:
    """Asterisk answers the websocket before it knows its application: 404 at first (seen on a loaded machine)."""
    unknown = [404, 404]

    def answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
        return web.json_response({"message": "no"}, status=unknown.pop()) if unknown else None

    async with fake_ari(answers) as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(PATIENCE_S)
        assert fake.asked == [("PUT", "/ari/applications/mai/eventFilter")] * 3


async def test_a_connection_whose_application_is_not_known_is_made_again() -> None:
    """The end of a connection that we gave up takes the application away (seen): no event would ever come."""

    def answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
        gone = fake.connections < 2 and path.startswith("/ari/applications/mai")
        return web.json_response({"message": "Application not found"}, status=404) if gone else None

    async with fake_ari(answers) as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(PATIENCE_S)
        assert fake.connections == 2


def made(channel: str, state: str = "Down") -> dict[str, Any]:
    return {"type": "StasisStart", "channel": {"id": channel, "state": state}}


async def test_a_channel_that_nobody_waits_for_any_more_is_ended() -> None:
    """An Asterisk that stood still carries out what was given up: such a channel is not dialled, and would stay."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(PATIENCE_S)
        with ari.listen("call") as call, ari.listen("other") as other:
            await fake.send(made("call"), made("other"), made("too late"), about("other", "last"))
            await until(other, "last")
            assert call.qsize() == 1
            await fake.was_asked("DELETE", "/ari/channels/too%20late")
            assert ("DELETE", "/ari/channels/call") not in fake.asked
        await fake.was_asked("DELETE", "/ari/channels/call")  # it came, and its call ended without seeing it
        assert ("DELETE", "/ari/channels/other") not in fake.asked


async def test_a_channel_with_somebody_on_it_is_not_ended_unseen() -> None:
    """Recovery decides about those that are up: an agent may have the call."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(PATIENCE_S)
        await fake.send(made("up", "Up"), made("late"))
        await fake.was_asked("DELETE", "/ari/channels/late")
        assert ("DELETE", "/ari/channels/up") not in fake.asked


async def test_two_calls_cannot_listen_to_one_channel() -> None:
    async with fake_ari() as fake, Ari(fake.url, "u", "p") as ari:
        with ari.listen("one"), pytest.raises(ValueError, match="listened to already"), ari.listen("one"):
            pass
        with ari.listen("one"):  # free again
            pass


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "channel", "id", "playback", "target_uri", "peer"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(_JSON)
def test_no_json_whatever_breaks_the_dispatch(event: Any) -> None:
    """For every JSON value: a channel's id or None, never an exception."""
    found = channel_of(event)
    assert found is None or isinstance(found, str)


async def test_an_asterisk_that_cannot_filter_its_events_is_used_all_the_same() -> None:
    """Its events are read and dropped, as before."""
    refused = ("PUT", "/ari/applications/mai/eventFilter")

    def answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
        return web.json_response({"message": "no"}, status=404) if (method, path) == refused else None

    async with fake_ari(answers) as fake, Ari(fake.url, "u", "p") as ari:
        await ari.ready(5)
        assert refused in fake.asked
        with ari.listen("one") as one:
            await fake.send(about("one", "last"))
            assert await until(one, "last") == ["last"]
