"""Values worth trying on networking rules, as stored; "" is for any other string."""

import json

from ..parity import SIBLING, STRANGER

_INTERNET = {"destination": "0.0.0.0/0", "target": "igw-1", "state": "active"}
_LOCAL = {"destination": "10.0.0.0/16", "target": "local", "state": "active"}


def _policy(principal: object, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": resource}
    return json.dumps({"Statement": [statement]})


SAMPLES: dict[str, list] = {
    "": ["", "a", "b"],
    # Security groups.
    "group_id": ["sg-named", "sg-unnamed"],
    "id": ["sg-named", "sg-other"],
    "name": ["web", "launch-wizard-1"],
    "egress_groups": [[], ["sg-named"]],
    "ingress_rules": [0, 1, 51],
    "egress_rules": [0, 1, 51],
    "owner": ["1", "1", "", "2"],
    "protocol": ["tcp", "tcp", "udp", "-1", "icmp", "50", "6", "HTTP", "TLS"],
    "from_port": [-1, 0, 22, 80, 443, 8443],
    "to_port": [-1, 80, 443, 8443, 65535],
    "cidrs": [
        [],
        [],
        ["10.0.0.0/8"],
        ["0.0.0.0/0"],
        ["0.0.0.0/1"],
        ["128.0.0.0/1", "203.0.113.0/24"],
        ["203.0.113.7/32"],
        ["::/0"],
        ["2606:4700::/32", "::/1"],
    ],
    # VPCs.
    "delivery_status": ["", "SUCCESS", "FAILED"],
    "routes": [[], [_LOCAL], [_INTERNET, _LOCAL]],
    "cidr": ["0.0.0.0/0", "10.0.0.0/8", "::/0"],
    "action": ["allow", "deny"],
    "endpoint_services": [[], ["com.amazonaws.us-east-1.ec2"], ["com.amazonaws.us-east-1.s3"]],
    # Connectivity.
    "type": ["application", "network", "Interface", "Gateway"],
    "policy": [
        "",
        _policy("*"),
        _policy("*", "arn:aws:s3:::ours/*"),
        _policy({"AWS": SIBLING}),
        _policy({"AWS": STRANGER}),
    ],
    "principals": [[], ["*"], [f"arn:aws:iam::{SIBLING}:root"], [f"arn:aws:iam::{STRANGER}:root"]],
    "connected": [[], [SIBLING], [STRANGER]],
    "parties": [[SIBLING], [STRANGER, SIBLING]],
    "status": ["active", "deleted"],
    "destinations": [[], ["10.1.0.0/16"], ["10.0.0.0/8"], ["10.1.2.0/24"]],
    "state": ["available", "active", "deleted"],
    "tunnels": [["UP", "UP"], ["DOWN", "UP"]],
    "connection_id": ["dxcon-1", "dxcon-2"],
    "interface_id": ["dxvif-1", "dxvif-2"],
    "siblings": [["dxcon-1", "dxcon-2"], ["dxvif-1", "dxvif-2"]],
    # Load balancers.
    "scheme": ["internet-facing", "internal"],
    "tls_versions": [[], ["TLSv1.2", "TLSv1.3"], ["TLSv1", "TLSv1.1", "TLSv1.2"]],
    "desync_mode": ["defensive", "monitor", "strictest"],
    # Firewalls.
    "stateless_defaults": [["aws:pass"], ["aws:forward_to_sfe"], ["aws:drop"]],
    "fragment_defaults": [["aws:pass"], ["aws:forward_to_sfe"], ["aws:drop"]],
}
