"""What has a bind still to record, and what if the store is away at that moment? Nothing is forgotten, nothing sent twice.

Whoever takes news for a commit that fails puts it back. Then nobody knows whether it was committed after all (a
connection that was lost in the middle of COMMIT): what would make a part due again is taken the second time only
where the message is still as this bind marked it. So nothing may be marked between the two tries.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from core.config import Bind
from runtime.app import App
from smpp.receipts import id_forms
from store import messages, parts
from store.parts import Answer
from store.tx import Tx

#: A message, and its parts that did not leave; None: all.
Unwritten = tuple[str, tuple[int, ...] | None]


@dataclass(slots=True)
class Taken:
    """What one commit takes along."""

    said: list[Answer]
    unwritten: list[Unwritten]
    begun: bool = False  #: it was written once, and whether that was committed is not known


class News:
    """What one bind has not recorded yet. `happened` is called whenever there is more."""

    def __init__(self, app: App, bind: Bind, counts: "Counter[str]", happened: Callable[[], None]) -> None:
        self._app = app
        self._bind = bind
        self._counts = counts
        self._happened = happened
        self._said: list[Answer] = []
        self._unwritten: list[Unwritten] = []
        self._back: list[Taken] = []

    def say(self, answer: Answer) -> None:
        """What became of one part that was written."""
        self._said.append(answer)
        self._happened()

    def not_written(self, message: str, which: tuple[int, ...] | None) -> None:
        """These parts (None: all) did not leave: they are due again."""
        self._unwritten.append((message, which))
        self._happened()

    def take(self) -> Taken | None:
        """What there is to record, from now on the taker's; None: nothing."""
        if self._back:
            return self._back.pop(0)
        if not self._said and not self._unwritten:
            return None
        taken = Taken(self._said, self._unwritten)
        self._said, self._unwritten = [], []
        self._counts.update([each.said for each in taken.said])
        return taken

    def put_back(self, taken: Taken) -> None:
        """It was not stored, for all we know: the next `take` gives it again, before anything else."""
        self._back.append(taken)
        self._happened()

    def record(self, tx: Tx, *, taken: Taken) -> None:
        """Write it; may be repeated as long as nothing was marked meanwhile."""
        said, unwritten = taken.said, taken.unwritten
        if taken.begun:
            again = [each.message for each in said if each.said == "postponed"]
            worker = self._app.worker.id
            ours = parts.marked_by(
                tx, [*again, *(id for id, _ in unwritten)], bind=self._bind.name, worker=worker
            )
            said = [each for each in said if each.said != "postponed" or each.message in ours]
            unwritten = [each for each in unwritten if each[0] in ours]
        taken.begun = True
        parts.answered(tx, said, at=self._app.now(), forms_of=id_forms)
        for id, which in unwritten:
            messages.requeue(tx, id=id, unwritten=which)
