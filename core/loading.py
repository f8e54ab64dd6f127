"""What do config.yaml, packages.yaml and a campaign file say, or what is wrong with them?

Every function takes a file's text and answers with the value, or with every problem at once, in the order of
the lines. A program reads the files; nothing here does I/O.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any, TypeVar

from core.campaigns import Campaign
from core.check_campaign import check_campaign
from core.check_config import check_config
from core.check_limits import check_limits
from core.check_sources import check_sources
from core.check_trunks import check_trunks
from core.config import Config, Prompts
from core.facts import Programme
from core.packages import Catalogue
from core.shape import covered, fit
from core.yaml_file import Document, Path, Problem, read

__all__ = ["Problem", "parse_campaign", "parse_config", "parse_packages", "version_of"]

T = TypeVar("T")

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}\Z")


def parse_config(text: str | bytes, file: str, env: Mapping[str, str]) -> Config | list[Problem]:
    """config.yaml with each `${NAME}` filled from `env`. No problem shows a secret's value."""
    document = read(text, file)
    config = fit(document, Config, _filled(document, (), document.value, env))
    if config is not None:
        check_config(document, config)
        check_trunks(document, config)
        check_limits(document, config)
        check_sources(document, config)
    return _answer(document, config)


def parse_packages(text: str | bytes, file: str) -> Catalogue | list[Problem]:
    """packages.yaml: the catalogue and the lexicon."""
    document = read(text, file)
    catalogue = fit(document, Catalogue)
    if catalogue is not None:
        _check_packages(document, catalogue)
    return _answer(document, catalogue)


def parse_campaign(
    text: str | bytes,
    file: str,
    catalogue: Catalogue,
    config: Config | None = None,
    today: date | None = None,
) -> Programme | list[Problem]:
    """One file of campaigns/; the programme's name is the file's stem.

    Without `config` caller ids and senders are not held against the grants; without `today` (Vietnamese date)
    nothing is held against its validity.
    """
    document = read(text, file)
    name = PurePath(file).stem
    if not _NAME.match(name):
        document.refuse((), 1, f'"{name}" is not a name', "name the file with small letters, digits, - and _")
    campaign = fit(document, Campaign)
    if campaign is None:
        return _answer(document, None)
    check_campaign(document, campaign, catalogue, config, today)
    version = version_of(text, catalogue, config.prompts if config else Prompts())
    return _answer(document, Programme(name, campaign, version))


def version_of(text: str | bytes, catalogue: Catalogue, prompts: Prompts) -> str:
    """What a call was made of, in 12 signs: the campaign's file, the catalogue, the settings of the voice."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    digest.update(catalogue.model_dump_json().encode())
    digest.update(prompts.model_dump_json(exclude={"cache"}).encode())
    return digest.hexdigest()[:12]


def _answer(document: Document, value: T | None) -> T | list[Problem]:
    if not document.problems and value is not None:
        return value
    return sorted(dict.fromkeys(document.problems), key=lambda problem: problem.line)


def _filled(document: Document, path: Path, value: Any, env: Mapping[str, str]) -> Any:
    """The value with each `${NAME}` taken from the environment; a variable that is not set is a problem."""
    if isinstance(value, dict):
        return {key: _filled(document, (*path, key), item, env) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(document, (*path, index), item, env) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    if "${" in _VARIABLE.sub("", value):
        document.refuse(path, document.line(path), "has a ${ without its name and }", "write ${NAME}")
        return value
    for name in _VARIABLE.findall(value):
        if not env.get(name) and not covered(document, path):
            wrong = f"the variable {name} is {'empty' if name in env else 'not set'}"
            document.refuse(path, document.line(path), wrong, f"set it before the start: export {name}=…")
    return _VARIABLE.sub(lambda found: env.get(found[1]) or found[0], value)


def _check_packages(document: Document, catalogue: Catalogue) -> None:
    for code, package in catalogue.packages.items():
        path: Path = ("packages", code)
        start, end = package.valid_from, package.valid_to
        if start and end and end < start and not covered(document, path):
            at = (*path, "valid_to")
            document.refuse(
                at, document.line(at), f"{end} is before valid_from {start}", "swap the two dates"
            )
    for written, spoken in catalogue.spoken.items():
        path = ("spoken", written)
        if not written.strip() or not spoken.strip():
            document.refuse(
                path, document.line(path), "is empty", "write how it is spoken, or delete the line"
            )
