"""What do the commands take? The arguments and options that several share, said the same way everywhere."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Option("--config", help="The installation's configuration.", envvar="MAI_CONFIG")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, numbers in full.")]
Number = Annotated[str, typer.Argument(help="The subscriber: 0901234567 or +84901234567.")]
Programme = Annotated[str, typer.Argument(help="The stem of its file in campaigns/.")]
CONFIG = Path("config.yaml")
