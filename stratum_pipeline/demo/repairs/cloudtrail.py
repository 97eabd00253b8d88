"""CloudTrail."""

from typing import Any

from moto.cloudtrail.models import Trail

moto_description: Any = Trail.description


def apply() -> None:
    moto: Any = Trail
    moto.description = description


def description(self: Any, include_region: bool = False) -> dict[str, Any]:
    """moto says of every trail that it has no event selectors of its own."""
    own = bool(self.event_selectors or self.advanced_event_selectors)
    return moto_description(self, include_region) | {"HasCustomEventSelectors": own}
