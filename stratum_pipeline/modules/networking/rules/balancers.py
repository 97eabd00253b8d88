"""What must hold of load balancers, the classic ones included."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import each, some

from ..inventory import ClassicLoadBalancers, LoadBalancers

OUTDATED = ["SSLv3", "TLSv1", "TLSv1.1"]
MODIFY = (
    "aws elbv2 modify-load-balancer-attributes --region {region} --load-balancer-arn {arn}"
    " --attributes Key=%s,Value=%s"
)
MODIFY_CLASSIC = (
    "aws elb modify-load-balancer-attributes --region {region} --load-balancer-name {name}"
    " --load-balancer-attributes %s"
)
PLACE = "EC2 > Load Balancers > {name} > "

_application = LoadBalancers.type == "application"
_facing = LoadBalancers.scheme == "internet-facing"
_tls = some(LoadBalancers.listeners, each("protocol") == "TLS")
_outdated = pl.element().is_in(OUTDATED)
# Over plain HTTP a listener may do no more than to redirect to HTTPS.
_plain = (each("protocol") == "HTTP") & ~each("to_https")

_modern = partial(Rule, table=LoadBalancers, exposed=_facing)
_classic = partial(
    Rule,
    table=ClassicLoadBalancers,
    exposed=ClassicLoadBalancers.scheme == "internet-facing",
)

UNLOGGED = "Who called, from where, and what was answered cannot be established after an incident."
LOGS_BREAK = "No traffic is touched. Storage is billed."
SNIFFED = (
    "Whoever is on the way, on a café's network or at a provider, reads passwords and cookies,"
    " and changes what is sent and shown."
)
REDIRECT = "Serve HTTPS, and let the HTTP listener do nothing but redirect to it."
REDIRECT_BREAKS = (
    "Clients that speak plain HTTP only, or do not follow redirects, health checkers and"
    " webhooks among them, stop working."
)
OLD_TLS = (
    "TLS 1.0 and 1.1 rest on broken primitives and are withdrawn (RFC 8996): who sits in"
    " between may force a client down to them."
)
OLD_CLIENTS = "Clients that know nothing newer than TLS 1.1 can no longer connect."
SMUGGLING = (
    "Requests that break HTTP's grammar are passed on as they come. Where load balancer and"
    " target read them differently, one client's request is smuggled into another's."
)
SMUGGLING_BREAKS = "Ambiguous requests of broken clients are refused."

access_logs = _modern(
    id="networking.load_balancer.access_logs",
    when=_application | ((LoadBalancers.type == "network") & _tls),  # others have none to write
    fails=~LoadBalancers.access_logs,
    severity=Severity.MEDIUM,
    title="Load balancer logs no requests",
    rationale=UNLOGGED,
    remediation="Turn on access logs to an S3 bucket whose policy lets load balancing write.",
    console=PLACE + "Attributes > Edit > Monitoring > Access logs",
    cli=MODIFY % ("access_logs.s3.enabled", "true") + " Key=access_logs.s3.bucket,Value=<bucket>",
    breaks=LOGS_BREAK,
    undo=f"Turn them off: `{MODIFY % ('access_logs.s3.enabled', 'false')}`.",
    criteria=("CC7.2",),
)

deletion_protection = _modern(
    id="networking.load_balancer.deletion_protection",
    fails=~LoadBalancers.deletion_protection,
    severity=Severity.LOW,
    title="Load balancer can be deleted by one call",
    rationale="With it go its address and name: whatever points there fails until all is rebuilt.",
    remediation="Turn on deletion protection.",
    console=PLACE + "Attributes > Edit > Protection > Deletion protection",
    cli=MODIFY % ("deletion_protection.enabled", "true"),
    breaks="Automation that replaces the load balancer must turn it off first.",
    undo=f"Turn it off: `{MODIFY % ('deletion_protection.enabled', 'false')}`.",
    criteria=("A1.2",),
)

plaintext = _modern(
    id="networking.load_balancer.plaintext",
    when=_application & _facing,
    fails=some(LoadBalancers.listeners, _plain),
    severity=Severity.MEDIUM,
    title="Load balancer serves the internet over plain HTTP",
    rationale=SNIFFED,
    remediation=REDIRECT,
    console=PLACE + "Listeners and rules > HTTP > Edit > Redirect to URL, HTTPS",
    cli="aws elbv2 modify-listener --region {region} --listener-arn <listener-arn>"
    " --default-actions Type=redirect,RedirectConfig={{Protocol=HTTPS,Port=443,"
    "StatusCode=HTTP_301}}",
    breaks=REDIRECT_BREAKS,
    undo="Forward again: `aws elbv2 modify-listener --region {region}"
    " --listener-arn <listener-arn> --default-actions"
    " Type=forward,TargetGroupArn=<target-group-arn>`.",
    criteria=("CC6.7",),
)

tls_policy = _modern(
    id="networking.load_balancer.tls_policy",
    fails=some(LoadBalancers.tls_versions, _outdated),
    severity=Severity.MEDIUM,
    title="Load balancer accepts TLS 1.1 or older",
    rationale=OLD_TLS,
    remediation="Choose a security policy of TLS 1.2 or newer for each TLS listener, such as"
    " ELBSecurityPolicy-TLS13-1-2-2021-06.",
    console=PLACE + "Listeners and rules > HTTPS > Security > Edit",
    cli="aws elbv2 modify-listener --region {region} --listener-arn <listener-arn>"
    " --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06",
    breaks=OLD_CLIENTS,
    undo="Choose the old policy: `aws elbv2 modify-listener --region {region}"
    " --listener-arn <listener-arn> --ssl-policy <old-policy>`.",
    criteria=("CC6.7",),
)

desync = _modern(
    id="networking.load_balancer.desync_mode",
    when=_application,
    fails=LoadBalancers.desync_mode == "monitor",
    severity=Severity.MEDIUM,
    title="Load balancer passes on malformed requests",
    rationale=SMUGGLING,
    remediation="Set the desync mitigation mode to defensive, the default, or strictest.",
    console=PLACE + "Attributes > Edit > Packet handling > Desync mitigation mode",
    cli=MODIFY % ("routing.http.desync_mitigation_mode", "defensive"),
    breaks=SMUGGLING_BREAKS,
    undo=f"Monitor again: `{MODIFY % ('routing.http.desync_mitigation_mode', 'monitor')}`.",
    criteria=("CC6.6",),
)

invalid_headers = _modern(
    id="networking.load_balancer.invalid_headers",
    when=_application & (LoadBalancers.desync_mode != "monitor"),
    fails=~LoadBalancers.drops_invalid_headers,
    severity=Severity.LOW,
    title="Load balancer passes on invalid header fields",
    rationale="Targets read header names with odd characters in their own ways, which helps"
    " whoever smuggles requests or slips past a check on headers.",
    remediation="Have it drop header fields whose names are not letters, digits and hyphens.",
    console=PLACE + "Attributes > Edit > Packet handling > Drop invalid header fields",
    cli=MODIFY % ("routing.http.drop_invalid_header_fields.enabled", "true"),
    breaks="Applications that use header names with underscores, say, no longer get them.",
    undo="Keep them again: "
    f"`{MODIFY % ('routing.http.drop_invalid_header_fields.enabled', 'false')}`.",
    criteria=("CC6.6",),
)

no_web_acl = _modern(
    id="networking.load_balancer.no_web_acl",
    when=_application & _facing,
    fails=LoadBalancers.web_acls.list.len() == 0,
    severity=Severity.MEDIUM,
    title="Load balancer meets the internet without a web ACL",
    rationale="Known exploits, floods and stolen-password lists reach the application"
    " unfiltered, and there is no place to block them when it matters.",
    remediation="Associate an AWS WAF web ACL: AWS's core rule set, known bad inputs and a rate"
    " limit, counting at first.",
    console="WAF & Shield > Web ACLs > Associated AWS resources > Add > {name}",
    cli="aws wafv2 associate-web-acl --region {region} --web-acl-arn <web-acl-arn>"
    " --resource-arn {arn}",
    breaks="What its rules block is refused at once; rules that count show it first. Requests"
    " are billed by the million.",
    undo="Take it off: `aws wafv2 disassociate-web-acl --region {region} --resource-arn {arn}`.",
    criteria=("CC6.6",),
)

single_zone = _modern(
    id="networking.load_balancer.single_zone",
    fails=LoadBalancers.zones.list.len() < 2,
    severity=Severity.MEDIUM,
    title="Load balancer stands in one Availability Zone",
    rationale="When the zone fails, everything behind the load balancer is out of reach.",
    remediation="Add a subnet of a second zone, with targets there.",
    console=PLACE + "Network mapping > Edit subnets",
    cli="aws elbv2 set-subnets --region {region} --load-balancer-arn {arn}"
    " --subnets <subnet-id> <subnet-id>",
    breaks="Nothing, if the second zone has targets or cross-zone balancing is on.",
    undo="Set the old subnets: `aws elbv2 set-subnets --region {region}"
    " --load-balancer-arn {arn} --subnets <subnet-id>`.",
    criteria=("A1.2",),
)

classic_access_logs = _classic(
    id="networking.classic_load_balancer.access_logs",
    fails=~ClassicLoadBalancers.access_logs,
    severity=Severity.MEDIUM,
    title="Classic load balancer logs no requests",
    rationale=UNLOGGED,
    remediation="Turn on access logs to an S3 bucket whose policy lets load balancing write.",
    console=PLACE + "Attributes > Edit > Access logs",
    cli=MODIFY_CLASSIC % "AccessLog={{Enabled=true,S3BucketName=<bucket>}}",
    breaks=LOGS_BREAK,
    undo=f"Turn them off: `{MODIFY_CLASSIC % 'AccessLog={{Enabled=false}}'}`.",
    criteria=("CC7.2",),
)

classic_plaintext = _classic(
    id="networking.classic_load_balancer.plaintext",
    when=ClassicLoadBalancers.scheme == "internet-facing",
    fails=some(ClassicLoadBalancers.listeners, _plain),
    severity=Severity.MEDIUM,
    title="Classic load balancer serves the internet over plain HTTP",
    rationale=SNIFFED,
    remediation="Serve HTTPS and remove the HTTP listener: a classic load balancer cannot"
    " redirect, an application load balancer can.",
    console=PLACE + "Listeners > Manage listeners",
    cli="aws elb delete-load-balancer-listeners --region {region} --load-balancer-name {name}"
    " --load-balancer-ports 80",
    breaks=REDIRECT_BREAKS,
    undo="Add it again: `aws elb create-load-balancer-listeners --region {region}"
    " --load-balancer-name {name} --listeners"
    " Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=<port>`.",
    criteria=("CC6.7",),
)

classic_tls_policy = _classic(
    id="networking.classic_load_balancer.tls_policy",
    fails=some(ClassicLoadBalancers.tls_versions, _outdated),
    severity=Severity.MEDIUM,
    title="Classic load balancer accepts TLS 1.1 or older",
    rationale=OLD_TLS,
    remediation="Choose ELBSecurityPolicy-TLS-1-2-2017-01 for each HTTPS and SSL listener; TLS"
    " 1.3 needs an application or network load balancer.",
    console=PLACE + "Listeners > Security policy > Edit",
    cli="aws elb set-load-balancer-policies-of-listener --region {region}"
    " --load-balancer-name {name} --load-balancer-port 443 --policy-names <policy>",
    breaks=OLD_CLIENTS,
    undo="Choose the old policy: `aws elb set-load-balancer-policies-of-listener"
    " --region {region} --load-balancer-name {name} --load-balancer-port 443"
    " --policy-names <old-policy>`.",
    criteria=("CC6.7",),
)

classic_desync = _classic(
    id="networking.classic_load_balancer.desync_mode",
    fails=ClassicLoadBalancers.desync_mode == "monitor",
    severity=Severity.MEDIUM,
    title="Classic load balancer passes on malformed requests",
    rationale=SMUGGLING,
    remediation="Set the desync mitigation mode to defensive, the default, or strictest.",
    console=PLACE + "Attributes > Edit > Desync mitigation mode",
    cli=MODIFY_CLASSIC
    % "AdditionalAttributes=[{{Key=elb.http.desyncmitigationmode,Value=defensive}}]",
    breaks=SMUGGLING_BREAKS,
    undo="Set it to monitor again in the same way.",
    criteria=("CC6.6",),
)

classic_single_zone = _classic(
    id="networking.classic_load_balancer.single_zone",
    fails=ClassicLoadBalancers.zones.list.len() < 2,
    severity=Severity.MEDIUM,
    title="Classic load balancer stands in one Availability Zone",
    rationale="When the zone fails, everything behind the load balancer is out of reach.",
    remediation="Add a subnet of a second zone, with instances there.",
    console=PLACE + "Network mapping > Edit subnets",
    cli="aws elb attach-load-balancer-to-subnets --region {region} --load-balancer-name {name}"
    " --subnets <subnet-id>",
    breaks="Nothing, if the second zone has instances or cross-zone balancing is on.",
    undo="Take it off: `aws elb detach-load-balancer-from-subnets --region {region}"
    " --load-balancer-name {name} --subnets <subnet-id>`.",
    criteria=("A1.2",),
)

classic_uneven = _classic(
    id="networking.classic_load_balancer.cuts_off",
    when=ClassicLoadBalancers.zones.list.len() > 1,
    fails=~ClassicLoadBalancers.cross_zone | ~ClassicLoadBalancers.connection_draining,
    severity=Severity.LOW,
    title="Classic load balancer balances within zones only, or cuts off open requests",
    rationale="Without cross-zone balancing a zone with few instances is overrun while others"
    " idle; without connection draining every deployment breaks requests in flight.",
    remediation="Turn on cross-zone load balancing and connection draining.",
    console=PLACE + "Attributes > Edit",
    cli=MODIFY_CLASSIC
    % "CrossZoneLoadBalancing={{Enabled=true}},ConnectionDraining={{Enabled=true,Timeout=300}}",
    breaks="Instances leave up to five minutes later; traffic between zones is free here.",
    undo="Turn off what was off: `"
    + MODIFY_CLASSIC
    % "CrossZoneLoadBalancing={{Enabled=false}},ConnectionDraining={{Enabled=false}}"
    + "`.",
    criteria=("A1.2",),
)

RULES = (
    access_logs,
    deletion_protection,
    plaintext,
    tls_policy,
    desync,
    invalid_headers,
    no_web_acl,
    single_zone,
    classic_access_logs,
    classic_plaintext,
    classic_tls_policy,
    classic_desync,
    classic_single_zone,
    classic_uneven,
)
