"""Which column does a header of an imported file name? English names as DESIGN.md §5 writes them, and the
names that Vietnamese files carry, with or without marks, in any case, with spaces, dots or underscores.
"""

import re
from collections.abc import Sequence

from core.messages import without_marks

_APART = re.compile(r"[^a-z0-9]+")

#: Column -> further names, folded as `folded` does. The English name itself always fits.
_ALSO: dict[str, tuple[str, ...]] = {
    "number": (
        "so thue bao", "sdt", "so dien thoai", "dien thoai", "thue bao", "msisdn", "isdn", "so tb", "so may",
        "so di dong", "phone", "phone number", "mobile", "subscriber", "so",
    ),
    "payment": ("loai thue bao", "loai tb", "hinh thuc thanh toan", "loai hinh thue bao", "payment type"),
    "device": ("dong may", "loai may", "thiet bi", "loai thiet bi", "device type", "handset"),
    "region": ("khu vuc", "ctkv", "cong ty khu vuc", "vung"),
    "status": ("trang thai", "tinh trang", "trang thai thue bao"),
    "vlr": ("co vlr", "ban ghi vlr", "vlr status"),
    "segment": ("phan khuc", "phan khuc khach hang", "nhom khach hang"),
    "tariff": ("goi cuoc chinh", "loai cuoc", "bang gia", "gia cuoc", "tariff plan"),
    "activated_on": ("ngay kich hoat", "ngay hoa mang", "activation date", "activated"),
    "balance": ("so du", "so du tai khoan", "tai khoan chinh", "so du tkc", "tkc"),
    "packages": ("goi cuoc", "goi dang dung", "cac goi", "goi cuoc dang dung", "package"),
    "flags": ("co", "danh dau", "nhom dac biet", "flag"),
    "consent": ("dong y", "bang chung dong y", "can cu dong y", "su dong y"),
    "channel": ("kenh", "loai", "hinh thuc", "kenh tu choi"),
    "reason": ("ly do", "ly do loai tru", "nguyen nhan", "ghi chu"),
}  # fmt: skip
_KINDS_OF_ARPU = {"": ("", "tong "), "_data": ("data ", "du lieu "), "_voice": ("voice ", "thoai ")}


def folded(name: str) -> str:
    """`Số_Thuê bao` -> `so thue bao`."""
    return _APART.sub(" ", without_marks(name).casefold()).strip()


def _names() -> dict[str, str]:
    known = {name: column for column, also in _ALSO.items() for name in (folded(column), *also)}
    for kind, words in _KINDS_OF_ARPU.items():
        for month in "123":
            column = f"arpu{kind}_{month}"
            known[folded(column)] = column
            for word in words:
                for shape in ("arpu {word}{month}", "arpu {word}thang {month}", "arpu {word}t{month}"):
                    known[shape.format(word=word, month=month)] = column
    return known


_NAMES = _names()


def column_of(name: str, known: Sequence[str]) -> str | None:
    """The column that a header names, of those that this kind of list knows; None: none of them."""
    column = _NAMES.get(folded(name))
    return column if column in known else None
