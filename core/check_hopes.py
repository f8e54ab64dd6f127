"""What does a programme ask for that it will not get? Warnings of `mai check`: nothing here stops a start."""

from collections.abc import Iterator

from core.campaigns import DAY, Campaign
from core.config import Config
from core.written import duration_text
from core.yaml_file import Path


def hopes(config: Config, campaign: Campaign) -> Iterator[tuple[Path, str, str]]:
    """Where in the campaign file, what will be otherwise, what would be right."""
    rate = sum(trunk.calls_per_second for trunk in config.trunks)
    if (campaign.calls_per_second or 0) > rate:
        wrong = f"is {campaign.calls_per_second:g}, and the trunks bear {rate:g} together"
        yield ("calls_per_second",), wrong, "they hold; delete the line, or write less"
    channels = sum(trunk.max_channels for trunk in config.trunks)
    if (campaign.max_channels or 0) > channels:
        wrong = f"is {campaign.max_channels}, and the trunks have {channels} together"
        yield ("max_channels",), wrong, "they hold; delete the line, or write less"
    if campaign.class_ != "advertising":
        return
    for outcome, follow in campaign.after.items():
        if follow.retry is not None and "after" in follow.retry.model_fields_set and follow.retry.after < DAY:
            wrong = f"is {duration_text(follow.retry.after)}, and advertising is not called again within 24 hours (R7)"
            yield ("after", outcome.value, "retry", "after"), wrong, "write 24h or more"
