"""EC2, EBS and EC2 Auto Scaling as AWS reports them."""

from .instances import COLLECTORS as INSTANCES
from .instances import Instances
from .launching import COLLECTORS as LAUNCHING
from .launching import AutoScalingGroups, LaunchConfigurations, LaunchTemplates
from .settings import COLLECTORS as SETTINGS
from .settings import RegionSettings
from .storage import COLLECTORS as STORAGE
from .storage import Images, Snapshots, Volumes

COLLECTORS = (*SETTINGS, *INSTANCES, *STORAGE, *LAUNCHING)

__all__ = [
    "COLLECTORS",
    "AutoScalingGroups",
    "Images",
    "Instances",
    "LaunchConfigurations",
    "LaunchTemplates",
    "RegionSettings",
    "Snapshots",
    "Volumes",
]
