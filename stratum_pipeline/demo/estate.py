"""The estate: what each account of the demonstration organization holds.

The exceptions to good configuration are the planted ones: each has a row in truth/.
What looks like an exception and has none there is meant to pass, and so is what another
finding says already: a log bucket that doesn't log itself, the age of a key nobody uses.
"""

from collections.abc import Callable

from . import holdings
from .accounts import (
    DATA,
    HOME,
    IRELAND,
    MANAGEMENT,
    PRODUCTION,
    SANDBOX,
    SCANNER_ROLE,
    SECURITY,
    STAGING,
    SYDNEY,
    Account,
)
from .tools import Workshop
from .tools.core import ANYTHING, LONG_AGO, days_ago, policy, trust
from .tools.network import HALVES, WORLD, ingress, tcp
from .tools.storage import ACLS_BLOCKED, UNBLOCKED

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
POWER_USER = "arn:aws:iam::aws:policy/PowerUserAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
CLOUD_SHELL = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
RESPONDERS = [f"arn:aws:iam::aws:policy/{name}" for name in ("AWSSupportAccess", "SecurityAudit")]
STRANGER = {"AWS": "arn:aws:iam::999988887777:root"}
BY_EXTERNAL_ID = {"StringEquals": {"sts:ExternalId": "acme-4711"}}
ONE_BUCKET = policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-shared/*"})


def furnish(account: Account, organization_id: str, names: dict[str, dict[str, str]]) -> None:
    """Build `account`, adding the ids that AWS draws there to `names`, by our names for them."""
    at = Workshop(account, organization_id, names)
    CHARACTERS.get(account, small_sandbox)(at)
    for holding in holdings.ALL:
        holding.furnish(at)


def baseline(at: Workshop, *, federated: bool = True) -> None:
    """What the platform team lays down in every account. The exceptions come after it."""
    at.iam.root()
    at.iam.password_policy()
    at.iam.scan_roles()
    at.iam.group("engineers", POWER_USER)
    if federated:
        at.iam.saml_provider("identity-center")
        security = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
        at.iam.role("responders", trust(security), managed=RESPONDERS)
    at.s3.block_public_access()
    at.s3.log_bucket()


def management(at: Workshop) -> None:
    baseline(at)
    at.iam.role(
        SCANNER_ROLE,
        trust("ecs-tasks"),
        inline=policy(
            {"Action": ["organizations:Describe*", "organizations:List*"], "Resource": "*"},
            {"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/stratum/scan-*"},
        ),
    )
    at.iam.user("break-glass", "engineers", signed_in=days_ago(12))
    at.iam.user("former-consultant", "engineers", signed_in=LONG_AGO)
    keys = at.iam.customer_policy("key-keepers", policy({"Action": "kms:*", "Resource": "*"}))
    at.iam.group("key-keepers", keys)
    at.s3.bucket("artifacts", lock="on")
    at.s3.bucket(
        "billing",
        {"Principal": {"Service": "billingreports.amazonaws.com"}, "Action": "s3:PutObject"},
    )


def security(at: Workshop) -> None:
    """S3 is denied here, so what its buckets look like can't be known."""
    baseline(at)
    github = at.iam.identity_provider("token.actions.githubusercontent.com")
    audience = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
    subject = {
        "token.actions.githubusercontent.com:sub": "repo:acme/detections:ref:refs/heads/main"
    }
    at.iam.role("publish-detections", trust(github, {"StringEquals": audience | subject}))
    at.iam.role("scan-dependencies", trust(github, {"StringEquals": audience}))
    at.iam.user("analyst", "engineers", signed_in=days_ago(2))
    ourselves = {"AWS": f"arn:aws:iam::{at.account.id}:root"}
    at.iam.role("incident-response", trust(ourselves), managed=[ADMINISTRATOR])

    inspection = at.network("inspection", HOME, logs="failing")
    inspection.interface("collector", inspection.group("collector", tcp(6514, "10.0.0.0/8")))


def production(at: Workshop) -> None:
    baseline(at)
    at.iam.root(signed_in=days_ago(2))
    at.iam.user("on-call", "engineers", signed_in=days_ago(1), app=True)
    at.iam.user("jenkins", "engineers", key_made=LONG_AGO, key_used=days_ago(1))
    at.iam.attach_to_user("jenkins", READ_ONLY)
    at.iam.customer_policy("unused-everything", policy(ANYTHING))  # attached to nothing
    at.iam.customer_policy("unused-reader", ONE_BUCKET)  # nor is this, which allows little
    at.iam.role("orders-api", trust("ecs-tasks"), inline=ONE_BUCKET)
    at.iam.role("web", trust("ec2"), managed=[READ_ONLY], profile=True)
    at.iam.role("release-events", trust("events"), inline=ONE_BUCKET, sourced=False)
    at.iam.role("migration", trust("lambda"), inline=ONE_BUCKET, used=False)
    at.iam.role("monitoring-vendor", trust(STRANGER, BY_EXTERNAL_ID), inline=ONE_BUCKET)
    any_role = policy({"Action": "sts:AssumeRole", "Resource": "*"})
    at.iam.group("releasers", at.iam.customer_policy("assume-anything", any_role))
    at.iam.server_certificate("shop", LONG_AGO)
    at.iam.server_certificate("shop-renewed", days_ago(-365))
    at.iam.role("kiosks", trust("rolesanywhere"), inline=ONE_BUCKET)
    at.iam.trust_anchor("kiosks", IRELAND, "kiosks")
    at.iam.trust_anchor("kiosks-next", IRELAND, "kiosks", post_quantum=True, bound=ONE_BUCKET)

    orders = at.network("orders", HOME)
    orders.give_public_addresses()
    orders.open_network_acl("orders")
    web = orders.group("web", tcp(80, *WORLD), tcp(443, *WORLD))
    orders.instance("web-1", web, profile="web")
    orders.interface("database", orders.group("database", tcp(5432, web)))
    # The toxic combination: reachable on an administration port, and an administrator.
    at.iam.role("bastion", trust("ec2"), managed=[ADMINISTRATOR], profile=True)
    orders.instance("bastion-1", orders.group("bastion", tcp(22, "0.0.0.0/0")), profile="bastion")
    at.network("recovery", IRELAND, logs="none", cidr="10.1.0.0/16")

    at.s3.bucket("invoices")
    at.s3.bucket("customer-exports")  # faults.csv: its policy can't be read
    at.s3.bucket("uploads", versions=False)
    at.s3.bucket("session-recordings", region=IRELAND, kms=False, logs=False)
    # Public by its policy alone: the block, set later, keeps strangers out all the same.
    at.s3.bucket("website", {"Principal": "*", "Action": "s3:GetObject"})


def staging(at: Workshop) -> None:
    baseline(at)
    everything = at.iam.customer_policy("platform-everything", policy(ANYTHING))
    at.iam.group("platform", everything)
    at.iam.user("qa-lead", "engineers", signed_in=days_ago(5), mfa=False)
    at.iam.user("developer", "platform", signed_in=days_ago(3), key_made=days_ago(30))
    at.iam.root(app=True)
    at.iam.saml_provider("former-idp", LONG_AGO)
    new = days_ago(9)
    at.iam.user("tester", "engineers", born=new, signed_in=days_ago(2), key_made=new)
    at.iam.group("shell-users", CLOUD_SHELL)
    passing = policy(
        {"Action": ["lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"},
        {"Action": "iam:PassRole", "Resource": f"arn:aws:iam::{at.account.id}:role/*"},
    )
    at.iam.group("releasers", at.iam.customer_policy("release-functions", passing))
    subscribing = policy({"Action": "aws-marketplace:Subscribe", "Resource": "*"})
    at.iam.role("trials", trust("lambda"), inline=subscribing)
    power = policy({"Action": ["ec2:StartInstances", "ec2:StopInstances"], "Resource": "*"})
    switch = at.iam.customer_policy("switch-instances", power)
    resizing = policy({"Action": "ec2:ModifyInstanceAttribute", "Resource": "*"})
    at.iam.role("resizer", trust("lambda"), managed=[switch], inline=resizing)
    in_organization = {"StringEquals": {"aws:PrincipalOrgID": at.organization_id}}
    at.iam.role("shared-fixtures", trust({"AWS": "*"}, in_organization), inline=ONE_BUCKET)
    at.iam.role("build", trust("ecs-tasks"), managed=[ADMINISTRATOR])

    network = at.network("staging", HOME)
    windows = network.group("windows", tcp(3389, *HALVES))
    network.interface("jump-host", windows)
    network.interface("forgotten", network.default_group)
    theirs = f"{PRODUCTION.id}/{at.names['production']['web']}"
    network.interface("peered", network.group("peered", tcp(443, theirs)))

    at.s3.bucket("fixtures")
    at.s3.bucket("exchange", ownership="BucketOwnerPreferred", customer_keys=True)
    at.s3.bucket("legacy-imports", tls_only=False)


def data(at: Workshop) -> None:
    """Shares data on purpose: its account-level block leaves bucket policies alone."""
    baseline(at)
    at.s3.block_public_access(ACLS_BLOCKED)
    at.iam.password_policy(max_age=None)
    models = policy({"Action": "bedrock:InvokeModel", "Resource": "*"})
    at.iam.group("modellers", at.iam.customer_policy("invoke-models", models))
    at.iam.user("scientist", "modellers", signed_in=days_ago(8))
    at.iam.last_used("user/scientist", bedrock=LONG_AGO)
    at.iam.role("notebooks", trust("sagemaker"), inline=models)
    at.iam.last_used("role/notebooks", bedrock=None)
    at.iam.role("summaries", trust("lambda"), inline=models)
    at.iam.last_used("role/summaries", bedrock=days_ago(3))
    at.iam.user("loader", "modellers", key_made=days_ago(40), key_used=days_ago(1))
    at.iam.last_used("user/loader", bedrock=days_ago(1))
    made = policy({"Action": "cloudformation:CreateChangeSet", "Resource": "*"})
    at.iam.write_on_group("modellers", made)
    run = policy({"Action": "cloudformation:ExecuteChangeSet", "Resource": "*"})
    at.iam.group("operators", at.iam.customer_policy("execute-change-sets", run))
    at.iam.join("scientist", "operators")
    at.iam.user("exporter", "engineers")
    for made in (days_ago(60), days_ago(45)):
        at.iam.access_key("exporter", made, days_ago(1), service="sts")
    at.iam.role("benchmarks", trust(STRANGER, BY_EXTERNAL_ID), managed=[READ_ONLY])
    growing = policy({"Action": "iam:PutRolePolicy", "Resource": "*"})
    at.iam.role("survey", trust(STRANGER), inline=growing)
    at.iam.reported(IRELAND, "survey", "benchmarks")
    at.iam.role("etl", trust("lambda"), inline=policy(ANYTHING))
    at.iam.role("glue-jobs", trust("glue"), inline=ONE_BUCKET)
    at.iam.role("partner-upload", trust({"AWS": "*"}), inline=ONE_BUCKET)

    lake = at.network("lake", IRELAND)
    lake.interface("search", lake.group("search", tcp(9200, "::/0")))
    lake.interface("notebook", lake.group("notebook", tcp(8080, "0.0.0.0/0")))

    anyone = {"Principal": "*", "Action": "s3:GetObject"}
    at.s3.bucket("open-dataset", anyone, block=UNBLOCKED)
    at.s3.bucket(
        "partner-drop",  # a condition that everyone meets pins nobody
        anyone | {"Condition": {"StringLike": {"aws:PrincipalArn": "*"}}},
        block=UNBLOCKED,
    )
    at.s3.bucket(
        "lake",
        anyone | {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}},
        expires=False,
    )
    at.s3.bucket("blocked-dataset", anyone)
    notify = {"Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject"}
    at.s3.bucket("trail", notify)
    at.s3.bucket(
        "trail-pinned",
        notify | {"Condition": {"StringEquals": {"aws:SourceAccount": at.account.id}}},
        lock="",
    )


def sandbox(at: Workshop) -> None:
    """Where nobody looks: no account-level block, a weak password policy, a root key."""
    baseline(at, federated=False)
    at.iam.no_analyzer(SYDNEY)
    at.s3.remove_public_access_block()
    at.iam.root(mfa=False, access_key=True)
    at.iam.password_policy(length=8, remembered=3)
    at.iam.user("intern", "engineers", signed_in=LONG_AGO, mfa=False)
    at.iam.user("prototype", "engineers", key_made=LONG_AGO)
    at.iam.write_on_user("prototype", ONE_BUCKET)
    at.iam.user("retired", "engineers", key_made=LONG_AGO, key_active=False)
    at.iam.role("open-demo", trust({"AWS": "*"}), inline=ONE_BUCKET)
    at.iam.group("owners", ADMINISTRATOR)
    at.iam.user("owner", "owners", signed_in=days_ago(1), mfa=False)
    at.iam.attach_to_user("owner", ADMINISTRATOR)
    quieting = policy({"Action": ["cloudtrail:*", "config:*"], "Resource": "*"})
    at.iam.write_on_group("engineers", quieting)

    lab = at.network("lab", HOME, endpoints=False)
    lab.interface("any-1", lab.group("anything", ingress("-1", "0.0.0.0/0")))
    lab.interface("any-2", lab.group("anything-v6", ingress("-1", "::/0")))
    lab.group("left-over", tcp(443, "10.0.0.0/8"))
    at.network("throttled", IRELAND, endpoints=False)  # faults.csv: its flow logs can't be listed
    default = at.default_network(SYDNEY)
    default.interface("experiment", default.default_group)

    at.s3.bucket("public-files", block=UNBLOCKED, ownership="ObjectWriter", acl="public-read")
    at.s3.bucket("ignored-acl", ownership="ObjectWriter", acl="public-read")
    at.s3.bucket(
        "scratch",
        block=UNBLOCKED,
        versions=False,
        logs=False,
        tls_only=False,
        kms=False,
        expires=False,
    )


def small_sandbox(at: Workshop) -> None:
    """A generated account."""
    baseline(at)
    at.iam.user("developer", "engineers", signed_in=days_ago(4))
    at.network("lab", HOME, endpoints=False)
    at.s3.bucket("scratch", versions=False, kms=False)


CHARACTERS: dict[Account, Callable[[Workshop], None]] = {
    MANAGEMENT: management,
    SECURITY: security,
    PRODUCTION: production,
    STAGING: staging,
    DATA: data,
    SANDBOX: sandbox,
}
