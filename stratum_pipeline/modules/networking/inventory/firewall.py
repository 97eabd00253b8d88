"""AWS Network Firewall."""

import polars as pl

from stratum_pipeline.kernel.table import Column, Resource

FIREWALLS = "network-firewall:ListFirewalls"
FIREWALL = "network-firewall:DescribeFirewall"
LOGGING = "network-firewall:DescribeLoggingConfiguration"
POLICIES = "network-firewall:ListFirewallPolicies"
POLICY = "network-firewall:DescribeFirewallPolicy"


class Firewalls(Resource, listed_by=FIREWALLS):
    """One row per firewall."""

    name = Column(pl.String, "Unique in the region; may be reused.", source=FIREWALLS)
    vpc_id = Column(pl.String, '"" of one at a transit gateway.', source=FIREWALL)
    policy_arn = Column(pl.String, "Of its firewall policy.", source=FIREWALL)
    endpoint_count = Column(pl.Int64, "Zones it has an endpoint in.", source=FIREWALL)
    deletion_protection = Column(pl.Boolean, "DeleteProtection.", source=FIREWALL)
    log_types = Column(pl.List(pl.String), "Logged: ALERT | FLOW | TLS", source=LOGGING)


class FirewallPolicies(Resource, listed_by=POLICIES):
    """One row per firewall policy of the account."""

    name = Column(pl.String, "Unique in the region; may be reused.", source=POLICIES)
    association_count = Column(pl.Int64, "Firewalls that follow it.", source=POLICY)
    stateless_defaults = Column(
        pl.List(pl.String),
        "Done with a packet that no stateless rule matches: aws:pass | aws:drop |"
        " aws:forward_to_sfe, and custom actions.",
        source=POLICY,
    )
    fragment_defaults = Column(
        pl.List(pl.String), "The same of a UDP packet's fragments.", source=POLICY
    )
    rule_groups = Column(
        pl.List(pl.String), "ARNs, of its stateless and stateful rule groups.", source=POLICY
    )
    stateful_defaults = Column(
        pl.List(pl.String), "aws:drop_strict | aws:alert_established | ...", source=POLICY
    )
