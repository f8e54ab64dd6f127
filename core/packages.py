"""What does the operator sell, and how is each package spoken? The catalogue, packages.yaml (O17)."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from core.written import Written


class Package(Written):
    """One package of the catalogue. `price` in đồng."""

    kind: Literal["combo", "data", "voice"]
    price: int = Field(ge=1000, le=10_000_000)
    days: int = Field(ge=1, le=3660)  #: length of one cycle
    allowance: str = Field(
        min_length=1
    )  #: as a person reads it: "4GB/ngày, miễn phí 20 phút/cuộc gọi nội mạng"
    syntax: str = Field(min_length=1)  #: what the subscriber texts to `to`: "DK C90N"
    to: str = Field(default="999", pattern="^[0-9]{3,6}$")  #: the short code that takes the syntax
    spoken: str | None = None  #: how the code is spoken: "xê chín mươi en"; absent: letter by letter
    spoken_allowance: str | None = None
    sample: bool = False  #: true: allowance or price is not from the sources, the operator must fill it in
    valid_from: date | None = None
    valid_to: date | None = None


class Catalogue(Written):
    """packages.yaml: the packages by code, and the lexicon: written word -> how it is spoken.

    Lexicon: the longest entry that fits goes first. An entry fits whole words only: no letter may touch it
    where it begins or ends with a letter, no digit where it begins or ends with a digit (GB fits in 4GB, not
    in GBS). One without a capital letter fits small and capital letters alike, one with a capital only as
    it is written.
    """

    packages: dict[Annotated[str, Field(pattern="^[A-Z0-9_-]{1,16}$")], Package] = Field(min_length=1)
    spoken: dict[str, str] = Field(default={})
