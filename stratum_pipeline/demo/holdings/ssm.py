"""Systems Manager."""

from ..tools import Workshop


def furnish(at: Workshop) -> None:
    """Nothing yet."""
