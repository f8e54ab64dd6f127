"""What exactly was a programme when a call was made? Its file's text, under the version that calls name."""

from datetime import datetime

from sqlalchemy import select

from store.schema import versions
from store.times import us
from store.tx import Tx


def keep(tx: Tx, *, programme: str, version: str, content: str, now: datetime) -> bool:
    """Keep what a programme was, for complaints. False: this version is kept already."""
    row = {"version": version, "programme": programme, "content": content, "loaded_at": us(now)}
    return tx.insert_new(versions, row)


def content(tx: Tx, *, version: str) -> str | None:
    """The text of a version; None: never loaded here."""
    chosen = select(versions.c.content).where(versions.c.version == version)
    text: str | None = tx.execute(chosen).scalar_one_or_none()
    return text
