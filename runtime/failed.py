"""What can go wrong with what a person asked for? Each message is one sentence that says what would be right."""


class CommandFailed(Exception):
    """The thing asked for failed (exit status 1)."""


class WrongUsage(Exception):
    """The words of the command are wrong (exit status 2)."""


class BadInstallation(Exception):
    """Something that a person wrote in a file is wrong (exit status 2); `lines` say where and what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
