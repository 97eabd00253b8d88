"""RDS and Aurora."""

from ..tools import Workshop


def furnish(at: Workshop) -> None:
    """Nothing yet."""
