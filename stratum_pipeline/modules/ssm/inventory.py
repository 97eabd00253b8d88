"""What Systems Manager knows of an account, as AWS reports it: the tables."""

import polars as pl

from stratum_pipeline.kernel.policy import with_policy
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource
from stratum_pipeline.kernel.trust import with_outsiders, with_strangers

from .derive import names_secret, support_ends

SETTING = "ssm:GetServiceSetting"
DOCUMENTS, BODY, SHARES = "ssm:ListDocuments", "ssm:GetDocument", "ssm:DescribeDocumentPermission"
MANAGED, PATCHES = "ssm:DescribeInstanceInformation", "ssm:DescribeInstancePatchStates"
COMPLIANCE, RUNNING = "ssm:ListResourceComplianceSummaries", "ec2:DescribeInstances"
ASSOCIATIONS = "ssm:ListAssociations"
PARAMETERS, PARAMETER_POLICY = "ssm:DescribeParameters", "ssm:GetResourcePolicies"


class Regions(Resource, listed_by=SETTING):
    """One row per region: its settings of Systems Manager, and what makes them matter."""

    public_sharing = Column(
        pl.String, "Whether documents may be made public: Enable | Disable.", source=SETTING
    )
    runbooks = Column(pl.Int64, "Automation documents that the account owns.", source=DOCUMENTS)
    script_log = Column(
        pl.String,
        'Where Automation sends what scripts print: CloudWatch; "" for nowhere, and where there'
        " is no runbook (it is not asked there).",
        source=SETTING,
    )
    instances = Column(pl.Int64, "Managed instances.", source=MANAGED)
    outdated_agents = Column(
        pl.Int64, "Those on Linux or macOS whose agent is not the latest.", source=MANAGED
    )
    updates_agents = Column(
        pl.Boolean, "Whether an association runs AWS-UpdateSSMAgent.", source=ASSOCIATIONS
    )


class Documents(Resource, listed_by=DOCUMENTS):
    """One row per document that the account owns; the default version is the one judged."""

    name = Column(pl.String, "Unique in the account and region.", source=DOCUMENTS)
    kind = Column(pl.String, "DocumentType: Command, Automation, Session...", source=DOCUMENTS)
    shared_with = Column(
        pl.List(pl.String), 'Ids of accounts that may use it, "*" for all; sorted.', source=SHARES
    )
    secrets = Column(
        pl.List(pl.String), "Kinds of secret in its content, which is not kept.", source=BODY
    )
    plain_http = Column(
        pl.List(pl.String), "Hosts it downloads from over plain HTTP; sorted.", source=BODY
    )
    unchecked = Column(
        pl.List(pl.String),
        "Parameters pasted into a script though nothing limits their value; sorted.",
        source=BODY,
    )

    outsiders = Column(
        pl.List(pl.String), "Those of `shared_with` that are not ours.", source=SHARES, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_strangers(raw, inventory, "shared_with")


class SessionDocuments(Resource, listed_by=DOCUMENTS):
    """One row per document that opens a shell through Session Manager.

    These are the preferences of the region, SSM-SessionManagerRunShell, even where there is no
    such document and AWS's defaults hold, and the account's own documents of session type
    Standard_Stream. What the document leaves open is given as AWS's default.
    """

    name = Column(pl.String, "The document's.", source=DOCUMENTS)
    exists = Column(pl.Boolean, "Whether there is such a document.", source=DOCUMENTS)
    instances = Column(pl.Int64, "Managed instances of the region.", source=MANAGED)
    log_bucket = Column(pl.String, 'S3 bucket of the session logs; "" if none.', source=BODY)
    bucket_encrypted = Column(
        pl.Boolean, "Whether that bucket must be encrypted (s3EncryptionEnabled).", source=BODY
    )
    log_group = Column(pl.String, 'Log group of the session logs; "" if none.', source=BODY)
    group_encrypted = Column(
        pl.Boolean,
        "Whether that group must be encrypted (cloudWatchEncryptionEnabled).",
        source=BODY,
    )
    kms_key = Column(pl.String, 'KMS key of the session\'s data; "" if none.', source=BODY)
    run_as = Column(
        pl.Boolean, "Whether sessions run as a named user, not as ssm-user.", source=BODY
    )
    idle_minutes = Column(pl.Int64, "After which an idle session ends.", source=BODY)
    max_minutes = Column(pl.Int64, "After which any session ends; 0 for never.", source=BODY)


class ManagedInstances(Resource, listed_by=MANAGED):
    """One row per managed instance: of EC2 (by its EC2 ARN), or registered from elsewhere."""

    instance_id = Column(pl.String, '"i-..." of EC2, "mi-..." otherwise.', source=MANAGED)
    os_name = Column(pl.String, 'PlatformName: "Amazon Linux".', source=MANAGED)
    os_version = Column(pl.String, 'PlatformVersion: "2023".', source=MANAGED)
    ping = Column(pl.String, "Online | ConnectionLost | Inactive", source=MANAGED)
    registered = Column(TIMESTAMP, "When it came under management.", source=MANAGED)
    running = Column(
        pl.Boolean, "Whether EC2 says so; true where it is not of EC2.", source=RUNNING
    )
    patch_time = Column(
        TIMESTAMP, "End of the last patch scan or installation.", source=PATCHES, volatile=True
    )
    missing = Column(pl.Int64, "Approved patches not installed.", source=PATCHES)
    failed = Column(pl.Int64, "Patches whose installation failed.", source=PATCHES)
    rejected = Column(pl.Int64, "Installed patches that the baseline rejects.", source=PATCHES)
    pending_reboot = Column(pl.Int64, "Patches that await a reboot.", source=PATCHES)
    critical = Column(pl.Int64, "Of all these, those the baseline calls critical.", source=PATCHES)
    security = Column(pl.Int64, "Of all these, those that are security updates.", source=PATCHES)
    custom_failures = Column(
        pl.List(pl.String),
        'Compliance types beside patches and associations that it fails: ["Custom:Cis"]; sorted.',
        source=COMPLIANCE,
    )

    support_ends = Column(
        TIMESTAMP,
        "When its operating system has no more public security updates; never where no such day"
        " is known.",
        source=MANAGED,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return raw.with_columns(support_ends(raw))


class RunningInstances(Resource, listed_by=RUNNING):
    """One row per running EC2 instance, by whether Systems Manager manages it."""

    instance_id = Column(pl.String, '"i-..."', source=RUNNING)
    launched = Column(TIMESTAMP, "LaunchTime: when it was last started.", source=RUNNING)
    profile = Column(pl.String, 'ARN of its instance profile; "" if none.', source=RUNNING)
    managed = Column(pl.Boolean, "Whether Systems Manager lists it.", source=MANAGED)


class Associations(Resource, listed_by=ASSOCIATIONS):
    """One row per State Manager association."""

    association_id = Column(pl.String, "", source=ASSOCIATIONS)
    document = Column(
        pl.String, "Document it runs: a name, or an ARN if another account's.", source=ASSOCIATIONS
    )
    document_version = Column(
        pl.String, '"3", "$LATEST", "$DEFAULT"; "" means $DEFAULT.', source=ASSOCIATIONS
    )
    status = Column(
        pl.String, 'Success | Pending | Failed; "" if it never ran.', source=ASSOCIATIONS
    )
    failures = Column(pl.Int64, "Targets on which its last run failed.", source=ASSOCIATIONS)

    outsiders = Column(
        pl.List(pl.String),
        "Account that owns the document, if it is not ours.",
        source=ASSOCIATIONS,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        named = raw.with_columns(owner=pl.concat_list("document"))
        return with_strangers(named, inventory, "owner")


class Parameters(Resource, listed_by=PARAMETERS):
    """One row per parameter that the account owns; no value is ever read."""

    name = Column(pl.String, "Unique in the account and region.", source=PARAMETERS)
    kind = Column(pl.String, "String | StringList | SecureString", source=PARAMETERS)
    policy = Column(
        pl.String,
        'Its resource policies as one JSON document; "" if none. Only those of the tier Advanced'
        " can have any, and only they are asked.",
        source=PARAMETER_POLICY,
    )

    names_secret = Column(
        pl.Boolean, "Whether its name says that it is a secret.", source=PARAMETERS, derived=True
    )
    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=PARAMETER_POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String),
        "Whom `policy` admits though they are not ours.",
        source=PARAMETER_POLICY,
        derived=True,
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        named = raw.with_columns(names_secret=names_secret(pl.col("name")))
        return with_outsiders(with_policy(named), inventory)
