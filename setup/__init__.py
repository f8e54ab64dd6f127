"""How does a fresh machine become one that can run everything? The standard library alone: it runs before
.venv exists.

sources.py    where the packages come from, and whose signature they must bear
fetch.py      a private apt, without root: what is needed, downloaded, verified, unpacked, pruned
machine.py    what the machine has already, and the small scripts that start what we use
programs.py   Asterisk, espeak-ng, SIPp and PostgreSQL into .asterisk/ (`make asterisk`)
venv.py       the Python environment .venv from the hashed requirements (`make venv`)
python.sh     which Python
"""


class CannotInstall(Exception):
    """Something cannot be had here; the text is one sentence for a person, with the command that would
    help.
    """
