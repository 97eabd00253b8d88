"""What the internet may reach of an instance: one rule speaks at a time."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity
from stratum_pipeline.kernel.table import each, some

from ..inventory import Instances

RUNS = Instances.state == "running"
HAS_PROFILE = Instances.profile != ""

# An open port implies the rest: it is named for the evidence, and for the reason where one of
# these is unknown.
_reached = (
    Instances.addressed
    & Instances.routed
    & Instances.unblocked
    & some(Instances.opening_groups, pl.element() != "")
)
_web = (each("from_port") == each("to_port")) & each("from_port").is_in([80, 443])

REACHED = _reached & some(Instances.open_ports, each("protocol") != "")
"""Whether the internet reaches any port."""

_related = pl.concat_list(pl.when(HAS_PROFILE).then(Instances.profile), Instances.opening_groups)
_instance = partial(
    Rule,
    table=Instances,
    exposed=ALWAYS,
    related=_related,
    criteria=("CC6.1", "CC6.6"),
)

exposed_services = _instance(
    id="compute.instance.exposed_services",
    when=RUNS,
    fails=REACHED & some(Instances.exposed_services, pl.element() != ""),
    severity=Severity.HIGH,
    title="Instance exposes administration or data services to the internet",
    rationale="It runs at a public address, its subnet routes to the internet, and its security"
    " groups let the world in on such ports. Whatever listens there is found and attacked within"
    " minutes. Network ACLs and the host's own firewall are not looked at.",
    remediation="Close the ports in the security groups; reach hosts through Session Manager or a"
    " VPN, and data stores from the groups of their clients.",
    console="EC2 > Instances > {instance_id} > Security > Security groups > Edit inbound rules",
    cli="aws ec2 describe-security-group-rules --region {region}"
    " --filters Name=group-id,Values=<group-id>\n"
    "aws ec2 revoke-security-group-ingress --region {region} --group-id <group-id>"
    " --security-group-rule-ids <rule-id>",
    breaks="Whoever connects from the internet now is cut off: administrators, deployments and"
    " clients that use the port.",
    undo="`aws ec2 authorize-security-group-ingress --region {region} --group-id <group-id>"
    " --ip-permissions file://permissions.json` puts the rule back.",
    root_cause=Instances.opening_groups.list.drop_nulls().list.first().fill_null(pl.col("arn")),
)

enclave_host_exposed = _instance(
    id="compute.instance.enclave_host_exposed",
    when=Instances.enclaves & RUNS & ~exposed_services.fails,
    fails=_reached & some(Instances.open_ports, ~_web),
    severity=Severity.HIGH,
    title="Host of Nitro Enclaves is reachable beyond ports 80 and 443",
    rationale="The parent instance carries all traffic of its enclaves. A proxy between TCP and"
    " vsock, commonly on ports such as 5000 or 8000, lets strangers talk to the enclave itself.",
    remediation="Close every port to the internet; let clients in through a load balancer, from"
    " its security group.",
    console="EC2 > Instances > {instance_id} > Security > Security groups > Edit inbound rules",
    cli="aws ec2 revoke-security-group-ingress --region {region} --group-id <group-id>"
    " --security-group-rule-ids <rule-id>",
    breaks="Clients that use the port from the internet are cut off.",
    undo="`aws ec2 authorize-security-group-ingress --region {region} --group-id <group-id>"
    " --ip-permissions file://permissions.json` puts the rule back.",
)

reachable_profile = _instance(
    id="compute.instance.reachable_profile",
    when=RUNS & ~exposed_services.fails & ~(Instances.enclaves & enclave_host_exposed.fails),
    fails=REACHED & HAS_PROFILE,
    severity=Severity.MEDIUM,
    title="Instance reachable from the internet carries a role",
    rationale="A flaw in what it serves gives strangers not only the host but the permissions of"
    " its instance profile, which work from anywhere.",
    remediation="Put a load balancer before the instance and move it to a private subnet; until"
    " then take from its role what it doesn't need.",
    console="EC2 > Instances > {instance_id} > Security > IAM role, and Networking > Public IPv4",
    cli="aws ec2 describe-iam-instance-profile-associations --region {region}"
    " --filters Name=instance-id,Values={instance_id}",
    breaks="An instance moved has another address: DNS records, allow-lists and clients that name"
    " the old one fail.",
    undo="Start the old instance again, or give its elastic address back with `aws ec2"
    " associate-address --region {region} --instance-id {instance_id} --allocation-id"
    " <allocation-id>`.",
)

public_address = _instance(
    id="compute.instance.public_address",
    when=RUNS
    & ~exposed_services.fails
    & ~(Instances.enclaves & enclave_host_exposed.fails)
    & ~reachable_profile.fails,
    fails=Instances.addressed,
    exposed=REACHED,
    severity=Severity.LOW,
    title="Instance has a public address",
    rationale="One change of a security group or a route is enough to expose what it runs.",
    remediation="Serve through a load balancer and leave by a NAT gateway; give the instance no"
    " public address.",
    console="EC2 > Instances > {instance_id} > Actions > Networking > Manage IP addresses",
    cli="aws ec2 modify-network-interface-attribute --region {region} --network-interface-id"
    " <interface-id> --no-associate-public-ip-address",
    breaks="What connects to the address fails, and so does what the instance fetches from the"
    " internet unless its subnet routes to a NAT gateway.",
    undo="`aws ec2 modify-network-interface-attribute --region {region} --network-interface-id"
    " <interface-id> --associate-public-ip-address` gives it another address.",
)

RULES = (exposed_services, enclave_host_exposed, reachable_profile, public_address)
