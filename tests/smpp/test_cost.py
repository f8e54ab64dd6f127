"""Is what an SMS costs known before it is sent?"""

from hypothesis import given
from hypothesis import strategies as st

from core.config import Texts
from smpp import segments
from smpp.cost import cost_lines, sms_cost, template_costs
from smpp.segments import Method
from smpp.text import Coding
from tests.core.sample import CATALOGUE, programme


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
    lines = cost_lines(programme(), CATALOGUE, Texts(), ())
    assert lines[0].startswith("  missed: 2 parts, UCS2 for ")
    assert lines[3] == "  registered: not known (the registration system writes it)"
