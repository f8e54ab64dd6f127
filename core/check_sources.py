"""Do the `sources` of config.yaml make sense? Names met once, folders not shared, passwords not sent in the clear."""

from posixpath import normpath

from core.check_config import say
from core.config import Config
from core.sources import FolderSource, KafkaSource, Source
from core.yaml_file import Document, Path


def check_sources(document: Document, config: Config) -> None:
    """Add every problem of meaning to the document."""
    names: set[str] = set()
    folders: set[str] = set()
    for index, source in enumerate(config.sources):
        path: Path = ("sources", index)
        if source.name in names:
            say(document, (*path, "name"), f'"{source.name}" is used twice', "give each its own")
        names.add(source.name)
        if isinstance(source, FolderSource):
            folder = normpath(source.path)
            taken = {normpath(f"{other}/{name}") for other in folders for name in ("done", "refused")}
            if folder in folders:
                say(document, (*path, "path"), f'"{source.path}" is watched already', "give each its own")
            elif folder in taken:
                wrong = f'"{source.path}" is where another source puts its files'
                say(document, (*path, "path"), wrong, "give each a folder of its own")
            folders.add(folder)
            _folder(document, path, source)
        if isinstance(source, KafkaSource):
            _kafka(document, path, source)


def _folder(document: Document, path: Path, source: FolderSource) -> None:
    if "/" in source.pattern:
        at = (*path, "pattern")
        say(
            document,
            at,
            f'"{source.pattern}" names a folder',
            'put that into path; the pattern is like "*.csv"',
        )
    if not source.header:
        _places(document, path, source)


def _places(document: Document, path: Path, source: Source) -> None:
    """Without a header a field is a place, from 1, and number must say its own."""
    for name in ("id", "number", "amount", "at"):
        written = getattr(source.fields, name)
        for field in (written if isinstance(written, tuple) else (written,)) if written else ():
            if not (field.isascii() and field.isdecimal() and int(field) > 0):
                right = "write its place, from 1: without a header columns have no names"
                say(document, (*path, "fields", name), f'"{field}" is no place', right)
    if source.fields.number is None:
        say(document, (*path, "fields", "number"), "is missing", "write its column, from 1: without a header")


def _kafka(document: Document, path: Path, source: KafkaSource) -> None:
    for index, server in enumerate(source.servers):
        if not 1 <= int(server.rpartition(":")[2]) <= 65535:
            wrong = f"{server.rpartition(':')[2]} is no port"
            say(document, (*path, "servers", index), wrong, "write 1 to 65535")
    if source.ca is not None and not source.tls:
        say(document, (*path, "ca"), "is of no use without TLS", "write tls: true, or leave it out")
    if source.sasl is not None and source.sasl.mechanism == "PLAIN" and not source.tls:
        right = "write tls: true, or mechanism: SCRAM-SHA-512"
        say(document, (*path, "sasl", "mechanism"), "sends the password in the clear", right)
