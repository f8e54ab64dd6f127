"""How do the programs come up, run and go down? Configuration, clock, logs, control socket, parts in order."""
