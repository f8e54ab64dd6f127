"""How does a template of a campaign become the text for this subscriber?

Jinja2 in its immutable sandbox with strict names: a typo is an error when the campaign is loaded, and no
template reaches anything but what it was given (`str.format` would leak globals).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.packages import Package


class BadTemplate(ValueError):
    """A template that cannot be rendered; the message says which name or syntax is wrong."""


def dong(amount: int) -> str:
    """90000 -> `90.000đ`, as prices are written in Vietnam."""
    return f"{amount:,}".replace(",", ".") + "đ"


@dataclass(frozen=True)
class Offer:
    """A package as templates see it: `{{ offer.name }}`, `{{ offer.allowance }}`, `{{ offer.price }}`…"""

    name: str
    allowance: str
    price: str
    syntax: str
    to: str
    days: int

    def __str__(self) -> str:
        return self.name


def offer_of(code: str, package: Package) -> Offer:
    return Offer(code, package.allowance, dong(package.price), package.syntax, package.to, package.days)


_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_environment.filters["dong"] = dong
_environment.globals.clear()


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Template:
    return _environment.from_string(text)


def render(text: str, values: Mapping[str, Any]) -> str:
    """Fill a template with `offer`, `offers`, `subscriber`, `event`; white space is folded to single spaces.

    Raises BadTemplate for an unknown name, a wrong syntax or anything that the sandbox refuses.
    """
    try:
        return " ".join(_compiled(text).render(values).split())
    except TemplateError as error:
        raise BadTemplate(f"{error.message or error}") from error
