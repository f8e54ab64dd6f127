"""How does a template of a campaign become the text for this subscriber?

Jinja2 in its immutable sandbox with strict names: a typo is an error when the campaign is loaded, and no
template reaches anything but what it was given (`str.format` would leak globals). Of Jinja2's language only
names, their fields, `if`, comparisons, sums and the filters below: a text can neither loop nor hang.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.packages import Package


class BadTemplate(ValueError):
    """A template that cannot be rendered; the message says which name or syntax is wrong."""


def dong(amount: int | None) -> str:
    """90000 -> `90.000đ`, as prices are written in Vietnam. Raises BadTemplate for an amount not known."""
    if amount is None:
        raise BadTemplate("an amount that is not known cannot be written")
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


_OBJECT = re.compile(r"'(?:\w+\.)*(\w+) object' has no attribute")
FILTERS = ("dong", "upper", "lower")


def _known(value: Any) -> Any:
    """A field that is not known must not be sent to anybody as the word None."""
    if value is None:
        raise BadTemplate("a value that is not known cannot be written")
    return value


_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_known)
_environment.filters["dong"] = dong
_environment.globals.clear()
_ALLOWED = (
    *(
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Getattr,
        nodes.Getitem,
        nodes.Const,
    ),
    *(nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Filter),
)


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Template:
    for node in _environment.parse(text).find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise BadTemplate(
                f"{type(node).__name__.lower()} is not for texts: only names, their fields and if"
            )
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise BadTemplate(f"{node.name} is not a filter here: {', '.join(FILTERS)} are")
    return _environment.from_string(text)


def render(text: str, values: Mapping[str, Any]) -> str:
    """Fill a template with `offer`, `offers`, `subscriber`, `event`; white space is folded to single spaces.

    Raises BadTemplate for an unknown name, a wrong syntax or anything that the sandbox refuses.
    """
    try:
        return " ".join(_compiled(text).render(values).split())
    except TemplateError as error:
        raise BadTemplate(_OBJECT.sub(r"\1 has no field", str(error.message or error))) from error
