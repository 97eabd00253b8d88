"""DynamoDB and DAX."""

from ..tools import Workshop


def furnish(at: Workshop) -> None:
    """Nothing yet."""
