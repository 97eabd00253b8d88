"""What networking findings mean beside others."""

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity

OPEN = ("networking.security_group.all_traffic", "networking.security_group.sensitive_ports")

CORRELATIONS = (
    *(
        Correlation(
            rule=rule,
            beside=("iam.role.workload_administrator",),
            on=("related",),  # an instance profile behind the group's reachable interfaces
            because="An instance reachable from the internet on an administration or database"
            " port runs with administrator rights.",
            severity=Severity.CRITICAL,
        )
        for rule in OPEN
    ),
    *(
        Correlation(
            rule="networking.vpc.flow_logs",
            beside=(rule,),
            on=("related",),  # the VPC of the group's reachable interfaces
            because="The internet reaches an administration or database port in this VPC, and"
            " whoever comes that way leaves no trace.",
            severity=Severity.HIGH,
        )
        for rule in OPEN
    ),
    Correlation(
        rule="networking.load_balancer.desync_mode",
        beside=("networking.load_balancer.no_web_acl",),
        on=("resource_arn",),
        because="Malformed requests from the internet reach the targets as they come: neither"
        " the load balancer nor a web ACL refuses them.",
        severity=Severity.HIGH,
    ),
    Correlation(
        rule="networking.transit_gateway.auto_accept",
        beside=("networking.transit_gateway_attachment.outsider",),
        on=("related",),  # the gateway
        because="An account outside the organization is attached to this gateway, and nobody"
        " here need have agreed to it.",
        severity=Severity.HIGH,
    ),
)
