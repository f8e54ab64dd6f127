"""What if the controller is killed in the moment between starting Asterisk and noting its process?"""

from pathlib import Path

import pytest

from tests.asterisk.conftest import make_config
from tests.asterisk.test_node import managed

pytestmark = pytest.mark.asterisk


async def test_an_asterisk_that_was_never_noted_is_found(tmp_path: Path) -> None:
    """Issue 2 item 10: it holds our ports; the next controller ends it and starts its own, and `stop` finds it too."""
    config = make_config(trunk_port=5998, rtp="44000-44999")
    killed = managed(config, tmp_path)
    await killed.start()
    first = killed.pid
    note = killed.folder / "run" / "managed.json"
    note.unlink()
    try:
        following = managed(config, tmp_path)
        assert following.pid == first
        assert await following.start() == "started"
        assert following.pid not in (None, first)
        note.write_text('{"pid": 1, "started": 1, "digest": "of an earlier one"}')
    finally:
        assert await managed(config, tmp_path).stop()
    assert managed(config, tmp_path).pid is None
