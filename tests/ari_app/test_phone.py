"""How does a trunk want its numbers written?"""

from typing import Literal

import pytest

from ari_app.phone import written_for
from core.config import Trunk


@pytest.mark.parametrize(
    ("number_format", "written"),
    [("national", "0901234567"), ("e164", "84901234567"), ("plus", "+84901234567")],
)
def test_a_number_is_written_as_the_trunk_wants_it(
    number_format: Literal["national", "e164", "plus"], written: str
) -> None:
    """DESIGN §5: national is the default."""
    trunk = Trunk(name="viettel", address="192.0.2.1:5060", caller_id="090", number_format=number_format)
    assert written_for(trunk, "+84901234567") == written
