"""Elastic Load Balancing: application, network and gateway ones, and the classic ones."""

import polars as pl

from stratum_pipeline.kernel.table import Column, Resource

BALANCERS = "elbv2:DescribeLoadBalancers"
LISTENERS = "elbv2:DescribeListeners"
POLICIES = "elbv2:DescribeSSLPolicies"
ATTRIBUTES = "elbv2:DescribeLoadBalancerAttributes"
WEB_ACLS = "wafv2:ListResourcesForWebACL"
CLASSIC = "elb:DescribeLoadBalancers"
CLASSIC_ATTRIBUTES = "elb:DescribeLoadBalancerAttributes"
CLASSIC_POLICIES = "elb:DescribeLoadBalancerPolicies"

LISTENER = pl.Struct(
    {
        "port": pl.Int32,
        "protocol": pl.String,  # HTTP | HTTPS | TCP | TLS | SSL | ...
        "to_https": pl.Boolean,  # whether all that it does is to redirect to HTTPS
    }
)


class LoadBalancers(Resource, listed_by=BALANCERS):
    """One row per application, network or gateway load balancer."""

    name = Column(pl.String, "Unique in the region; may be reused.", source=BALANCERS)
    type = Column(pl.String, "application | network | gateway", source=BALANCERS)
    scheme = Column(pl.String, 'internet-facing | internal; "" of a gateway.', source=BALANCERS)
    vpc_id = Column(pl.String, "", source=BALANCERS)
    zones = Column(pl.List(pl.String), "Availability Zones.", source=BALANCERS)
    security_groups = Column(pl.List(pl.String), "Ids.", source=BALANCERS)
    listeners = Column(pl.List(LISTENER), "By port.", source=LISTENERS)
    tls_versions = Column(
        pl.List(pl.String), 'What its TLS listeners accept: "TLSv1.2".', source=POLICIES
    )
    access_logs = Column(pl.Boolean, "Whether requests are logged to S3.", source=ATTRIBUTES)
    deletion_protection = Column(pl.Boolean, "deletion_protection.enabled.", source=ATTRIBUTES)
    desync_mode = Column(
        pl.String,
        'defensive | strictest | monitor; "" of other than application load balancers.',
        source=ATTRIBUTES,
    )
    drops_invalid_headers = Column(
        pl.Boolean, "routing.http.drop_invalid_header_fields.enabled.", source=ATTRIBUTES
    )
    web_acls = Column(
        pl.List(pl.String), "ARNs, of AWS WAF; application load balancers'.", source=WEB_ACLS
    )


class ClassicLoadBalancers(Resource, listed_by=CLASSIC):
    """One row per classic load balancer."""

    name = Column(pl.String, "Unique in the region; may be reused.", source=CLASSIC)
    scheme = Column(pl.String, "internet-facing | internal", source=CLASSIC)
    vpc_id = Column(pl.String, "", source=CLASSIC)
    zones = Column(pl.List(pl.String), "Availability Zones.", source=CLASSIC)
    security_groups = Column(pl.List(pl.String), "Ids.", source=CLASSIC)
    listeners = Column(pl.List(LISTENER), "By port.", source=CLASSIC)
    tls_versions = Column(
        pl.List(pl.String), 'What its TLS listeners accept: "TLSv1.2".', source=CLASSIC_POLICIES
    )
    access_logs = Column(
        pl.Boolean, "Whether requests are logged to S3.", source=CLASSIC_ATTRIBUTES
    )
    cross_zone = Column(
        pl.Boolean, "Whether each node serves targets of all zones.", source=CLASSIC_ATTRIBUTES
    )
    connection_draining = Column(
        pl.Boolean, "Whether a departing target finishes its requests.", source=CLASSIC_ATTRIBUTES
    )
    desync_mode = Column(pl.String, "defensive | strictest | monitor", source=CLASSIC_ATTRIBUTES)
