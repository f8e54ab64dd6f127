"""Is what an SMS costs known before it is sent?"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.config import Config, Texts
from smpp import segments
from smpp.cost import HOUSE_TEXTS, cost_lines, house_cost_lines, sms_cost, template_costs
from smpp.segments import Method
from smpp.text import Coding
from tests.core.sample import CATALOGUE, programme
from tests.small_app import small_config


def test_the_characters_that_make_a_text_dear_are_named() -> None:
    """Issue 4, 2: the number of segments and the cost known before sending."""
    cost = sms_cost("Quý khách đăng ký C90N" + " gia re" * 10)
    assert (cost.parts, cost.coding, cost.culprits) == (2, Coding.UCS2, "ýáđă")
    plain = sms_cost("Quy khach dang ky C90N" + " gia re" * 10)
    assert (plain.parts, plain.coding, plain.culprits) == (1, Coding.GSM, "")


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from(list(Method)))
def test_the_cost_is_what_is_sent(text: str, method: Method) -> None:
    """The number of parts is known before sending."""
    sent = segments.split(text, reference=1, method=method)
    assert sms_cost(text, method).parts == sum(segment.parts for segment in sent)


def test_every_template_has_its_cost_with_label_and_refusal() -> None:
    """Issue 4, 2: shown by `mai check` for every template; the final text counts (R4, R5)."""
    found = {each.message: each for each in template_costs(programme(), CATALOGUE, Texts())}
    assert found.keys() == {"missed", "offer", "thanks", "registered", "not_registered"}
    missed, thanks = found["missed"].cost, found["thanks"].cost
    assert missed is not None
    assert thanks is not None
    assert (missed.parts, missed.coding, thanks.parts) == (2, Coding.UCS2, 1)
    assert found["registered"].cost is None


def configured(*binds: dict[str, Any]) -> Config:
    usual = {"system_id": "mai", "password": "x"}
    return small_config(smsc=tuple(usual | bind for bind in binds))


def test_check_tells_the_cost_of_every_template_as_its_own_bind_sends_it() -> None:
    """Issue 4, 2: shown by `mai check` for every template, with its price."""
    sender = programme().campaign.messages["missed"].sender
    binds = (
        {"name": "any", "price_per_part": 250},
        {"name": "own", "senders": (sender,), "price_per_part": 300, "segmentation": "udh16"},
    )
    lines = cost_lines(programme(), CATALOGUE, configured(*binds))
    assert len(lines) == len(programme().campaign.messages)
    assert lines[0].startswith("  SMS missed: 2 parts, UCS2 for ")
    assert lines[0].endswith(" characters, 600đ")
    assert lines[3] == "  SMS registered: not known (the registration system writes it)"
    assert cost_lines(programme(), CATALOGUE, configured())[0].endswith(" characters")


def test_the_texts_of_the_house_have_their_cost_too() -> None:
    """Every text that is sent: the confirmation of a refusal, help, what became of an order."""
    lines = house_cost_lines(configured({"price_per_part": 300}), CATALOGUE)
    assert [line.split(":")[0].split()[-1] for line in lines] == list(HOUSE_TEXTS)
    assert all(line.endswith(("300đ", "600đ")) for line in lines)
    assert lines[0] == "  SMS refusal_confirmed: 1 part, GSM, 66 characters, 300đ"
