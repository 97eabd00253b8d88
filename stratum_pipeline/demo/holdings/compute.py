"""EC2: instances, volumes, images, snapshots, launch templates, auto scaling."""

from ..tools import Workshop


def furnish(at: Workshop) -> None:
    """Nothing yet."""
