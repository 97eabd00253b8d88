"""Values worth trying on networking rules, as stored; "" is for any other string."""

SAMPLES: dict[str, list] = {
    "": ["", "a", "b"],
    "group_id": ["sg-named", "sg-unnamed"],
    "id": ["sg-named", "sg-other"],
    "egress_groups": [[], ["sg-named"]],
    "owner": ["1", "1", "", "2"],
    "protocol": ["tcp", "tcp", "udp", "-1", "icmp", "50"],
    "from_port": [-1, 0, 22, 80, 443, 8443],
    "to_port": [-1, 80, 443, 8443, 65535],
    "cidrs": [
        [],
        ["10.0.0.0/8"],
        ["0.0.0.0/0"],
        ["0.0.0.0/1"],
        ["128.0.0.0/1", "203.0.113.0/24"],
        ["::/0"],
        ["2606:4700::/32", "::/1"],
    ],
    "delivery_status": ["", "SUCCESS", "FAILED"],
}
