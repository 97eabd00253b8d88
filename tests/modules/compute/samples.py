"""Values worth trying in compute tables, for the contract every rule keeps."""

from datetime import datetime, timedelta
from typing import Any

from stratum_pipeline.kernel.table import NEVER

from ...conftest import SCANNED_AT
from ..parity import SIBLING, STRANGER

TEMPLATE = "arn:aws:ec2:us-east-1:1:launch-template/lt-1"


def interface(**changed: Any) -> dict[str, Any]:
    """One at a public address of subnet-1, in sg-1."""
    return {
        "interface_id": "eni-1",
        "subnet_id": "subnet-1",
        "groups": ["sg-1"],
        "ipv4": ["203.0.113.9"],
        "ipv6": [],
    } | changed


def permission(**changed: Any) -> dict[str, Any]:
    """SSH from everywhere, by sg-1."""
    return {
        "group_id": "sg-1",
        "protocol": "tcp",
        "from_port": 22,
        "to_port": 22,
        "cidrs": ["0.0.0.0/0"],
    } | changed


def ports(low: int, high: int = -1, **changed: Any) -> dict[str, Any]:
    return permission(from_port=low, to_port=high if high >= 0 else low, **changed)


HIDDEN = interface(ipv4=[])
V6_ONLY = interface(ipv4=[], ipv6=["2600:1f18::9"])
OTHER_SUBNET = interface(interface_id="eni-2", subnet_id="subnet-2", ipv4=[])
OFF = [{"subnet_id": "subnet-1", "internet_block": "off"}]
ROUTED = [{"subnet_id": "subnet-1", "ipv4": "igw-1", "ipv6": "igw-1"}]
HALVES = ["0.0.0.0/1", "128.0.0.0/1"]


def version(**changed: Any) -> dict[str, Any]:
    """A launch template's only version, which leaves everything open."""
    return {
        "number": 1,
        "live": True,
        "image_id": "ami-1",
        "http_tokens": "",
        "metadata_endpoint": "",
        "public_ip": False,
        "market": "",
        "secrets": [],
    } | changed


SAMPLES: dict[str, list[Any]] = {
    "state": ["running", "running", "running", "stopped", "pending", "in-use", "available"],
    "virtualization": ["hvm", "paravirtual"],
    "monitoring": ["enabled", "disabled", "pending"],
    "metadata_endpoint": ["enabled", "disabled", ""],
    "http_tokens": ["required", "optional", ""],
    "default_tokens": ["required", "optional", ""],
    "default_endpoint": ["enabled", "disabled", ""],
    "profile": ["", "arn:aws:iam::1:instance-profile/web"],
    "launched_by": ["", TEMPLATE],
    "user_data_secrets": [[], ["AWS Access Key"]],
    "secrets": [[], ["AWS Access Key"]],
    "image_owners": [[], ["1"], [SIBLING], [STRANGER]],
    "interfaces": [
        [interface()],
        [HIDDEN],
        [V6_ONLY],
        [interface(), OTHER_SUBNET],
        [interface(groups=["sg-1", "sg-2"])],
    ],
    "subnets": [OFF, [{"subnet_id": "subnet-1", "internet_block": "block-ingress"}]],
    "gateways": [ROUTED, [{"subnet_id": "subnet-1", "ipv4": "nat-1", "ipv6": ""}]],
    "groups": [["sg-1", "sg-2"], [], ["arn:aws:autoscaling:us-east-1:1:autoScalingGroup:u:web"]],
    "ingress": [
        [permission()],
        [ports(443)],
        [ports(8000)],
        [permission(protocol="-1", from_port=-1, to_port=-1, cidrs=["::/0"])],
        [permission(cidrs=[half], group_id=f"sg-{n}") for n, half in enumerate(HALVES, 1)],
        [permission(cidrs=["10.0.0.0/8", "198.51.100.0/24"])],
        [],
    ],
    "snapshot_block": ["unblocked", "block-new-sharing", "block-all-sharing"],
    "block": ["unblocked", "block-new-sharing", "block-all-sharing"],
    "image_block": ["unblocked", "block-new-sharing"],
    "shared_with": [[], ["1"], [SIBLING], [STRANGER], [SIBLING, STRANGER]],
    "newest_snapshot_at": [
        datetime.fromisoformat(NEVER),
        *(SCANNED_AT - timedelta(days=days) for days in (1, 30, 40)),
    ],
    "versions": [
        [version()],
        [version(http_tokens="required"), version(number=2, http_tokens="optional")],
        [version(http_tokens="optional", live=False), version(number=2, public_ip=True)],
        [version(image_id="resolve:ssm:/image", secrets=["AWS Access Key"])],
        [version(http_tokens="required")],
    ],
    "images": [[{"image_id": "ami-1", "imds_v2": new}] for new in (True, False)],
    "launch_configuration": ["", "web"],
    "health_checks": [["EC2"], ["ELB"], ["EBS", "EC2", "ELB"]],
    "zones": [["us-east-1a"], ["us-east-1a", "us-east-1b"]],
    "instance_types": [[], ["t3.micro"], ["t3.micro", "t3a.micro"]],
    "market": ["", "spot"],
    "": ["", "a"],
}
