"""Every program, imported once by the process that the others are forked from."""

import cli

cli.programs()
