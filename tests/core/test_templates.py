"""Templates of campaigns: what they can write, and that they can do nothing else."""

import pytest

from core.packages import Package
from core.templates import BadTemplate, Offer, dong, offer_of, render

C90N = Offer("C90N", "4GB/ngày", "90.000đ", "DK C90N", "999", 30)


@pytest.mark.parametrize(
    ("amount", "written"),
    [(1000, "1.000đ"), (90_000, "90.000đ"), (1_234_567, "1.234.567đ"), (999, "999đ"), (0, "0đ")],
)
def test_money_is_written_as_in_vietnam(amount: int, written: str) -> None:
    assert dong(amount) == written


def test_an_offer_is_what_the_catalogue_says_of_its_package() -> None:
    package = Package(kind="combo", price=90_000, days=30, allowance="4GB/ngày", syntax="DK C90N")
    assert offer_of("C90N", package) == C90N


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("gói {{ offer.name }} chỉ với {{ offer.price }}", "gói C90N chỉ với 90.000đ"),
        ("soạn {{ offer.syntax }}\n  gửi   {{ offer.to }}", "soạn DK C90N gửi 999"),
        ("{{ offers['1'] }}", "C90N"),
        ("{{ event.amount | dong }}", "50.000đ"),
        ("{% if event.amount > 20000 %}nhiều{% else %}ít{% endif %}", "nhiều"),
        ("{{ (event.amount - 1000) | dong }}", "49.000đ"),
    ],
)
def test_a_text_is_filled_in(text: str, rendered: str) -> None:
    values = {"offer": C90N, "offers": {"1": C90N}, "event": {"amount": 50_000}}
    assert render(text, values) == rendered


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ ofer.name }}", "'ofer' is undefined"),
        ("{{ offer.nam }}", "Offer has no field 'nam'"),
        ("{{ offer.name", "unexpected end of template"),
        ("{{ offer.__class__ }}", "unsafe"),
        ("{{ offer.name.format(offer) }}", "call is not for texts"),
        ("{% for x in offers %}{{ x }}{% endfor %}", "for is not for texts"),
        ("{% set x = 1 %}", "assign is not for texts"),
        ("{{ 9 ** 9 ** 9 }}", "pow is not for texts"),
        ("{{ 'x' * 1000000000 }}", "mul is not for texts"),
        ("{{ offer.name | center(1000000000) }}", "center is not a filter here"),
        ("{% include '/etc/passwd' %}", "include is not for texts"),
        ("{{ event.amount | dong }}", "an amount that is not known"),
        ("{{ event.amount }}", "a value that is not known"),
    ],
)
def test_a_text_that_cannot_or_may_not_be_filled_in_says_why(text: str, says: str) -> None:
    with pytest.raises(BadTemplate, match=r".*") as refused:
        render(text, {"offer": C90N, "offers": {"1": C90N}, "event": {"amount": None}})
    assert says in str(refused.value)
