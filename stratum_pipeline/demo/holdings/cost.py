"""What is paid for and not used."""

from ..tools import Workshop


def furnish(at: Workshop) -> None:
    """Nothing yet."""
