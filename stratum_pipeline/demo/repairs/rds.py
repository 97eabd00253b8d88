"""RDS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.models import DBCluster, DBInstance
from moto.rds.responses import RDSResponse

moto_cluster: Any = DBCluster.__init__
moto_instance: Any = DBInstance.__init__


def apply() -> None:
    moto: Any = RDSResponse
    moto.describe_db_engine_versions = describe_db_engine_versions
    moto.describe_db_major_engine_versions = describe_db_major_engine_versions
    moto.describe_db_parameters = only_named(moto.describe_db_parameters)
    moto.describe_db_cluster_parameters = only_named(moto.describe_db_cluster_parameters)
    moto = DBInstance
    moto.__init__ = make_instance
    moto = DBCluster
    moto.__init__ = make_cluster


def make_instance(self: Any, backend: Any, *args: Any, **options: Any) -> None:
    """moto gives all instances one resource id, and none a certificate."""
    moto_instance(self, backend, *args, **options)
    known = len(backend.databases)
    self.dbi_resource_id = f"db-{backend.account_id}{known:014}"
    self.certificate_details = {"CAIdentifier": "rds-ca-rsa2048-g1", "ValidTill": RENEWED}
    self.ca_certificate_identifier = "rds-ca-rsa2048-g1"
    self.engine_lifecycle_support = EXTENDED


def make_cluster(self: Any, *args: Any, **options: Any) -> None:
    """moto knows no express configuration: a cluster outside any VPC, on the internet."""
    moto_cluster(self, *args, **options)
    self.engine_lifecycle_support = EXTENDED
    if options.get("with_express_configuration"):
        self.vpc_networking_enabled, self.internet_access_gateway_enabled = False, True


STANDARD, EXTENDED = "open-source-rds-standard-support", "open-source-rds-extended-support"
YEARS = timedelta(days=3 * 365)
RENEWED = datetime(2061, 5, 25, tzinfo=UTC)

VERSIONS: dict[tuple[str, str], tuple[str, list[str]]] = {
    ("postgres", "16.8"): ("available", ["iam-db-auth-error", "postgresql", "upgrade"]),
    ("postgres", "16.1"): ("deprecated", ["postgresql", "upgrade"]),
    ("mysql", "8.4.7"): ("available", ["audit", "error", "general", "slowquery"]),
    ("mysql", "5.7.44"): ("available", ["audit", "error", "general", "slowquery"]),
    ("aurora-postgresql", "16.8"): ("available", ["instance", "postgresql"]),
    ("aurora-postgresql", "17.4"): ("deprecated", ["instance", "postgresql"]),
    ("aurora-mysql", "5.7.mysql_aurora.2.12.5"): ("available", ["audit", "error", "slowquery"]),
    ("aurora-mysql", "8.0.mysql_aurora.3.10.0"): ("available", ["audit", "error", "slowquery"]),
}
"""Those in use here: status, and the logs that can be exported."""

SUPPORT_ENDS = {
    ("postgres", "16"): datetime(2099, 2, 28, tzinfo=UTC),
    ("mysql", "8.4"): datetime(2099, 7, 31, tzinfo=UTC),
    ("mysql", "5.7"): datetime(2024, 2, 29, tzinfo=UTC),
    ("aurora-postgresql", "16"): datetime(2099, 2, 28, tzinfo=UTC),
    ("aurora-postgresql", "17"): datetime(2099, 2, 28, tzinfo=UTC),
    ("aurora-mysql", "5.7"): datetime(2024, 10, 31, tzinfo=UTC),
    ("aurora-mysql", "8.0"): datetime(2099, 4, 30, tzinfo=UTC),
}
"""Of standard support, by engine and major version. Those still to come lie further ahead than
AWS says: the demonstration must not change as they pass."""


def describe_db_engine_versions(self: Any) -> ActionResult:
    """moto lacks it."""
    asked = {f["Name"]: f["Values"] for f in self.params.get("Filters", [])}
    return ActionResult(
        {
            "DBEngineVersions": [
                {
                    "Engine": engine,
                    "EngineVersion": version,
                    "Status": status,
                    "ExportableLogTypes": logs,
                    "SupportsLogExportsToCloudwatchLogs": True,
                }
                for (engine, version), (status, logs) in VERSIONS.items()
                if engine in asked.get("engine", engine)
                and version in asked.get("engine-version", version)
                and (status == "available" or self.params.get("IncludeAll"))
            ]
        }
    )


def describe_db_major_engine_versions(self: Any) -> ActionResult:
    """moto lacks it."""
    return ActionResult(
        {
            "DBMajorEngineVersions": [
                {
                    "Engine": engine,
                    "MajorEngineVersion": major,
                    "SupportedEngineLifecycles": [
                        {
                            "LifecycleSupportName": name,
                            "LifecycleSupportStartDate": start,
                            "LifecycleSupportEndDate": end,
                        }
                        for name, start, end in (
                            (STANDARD, ends - YEARS, ends),
                            (EXTENDED, ends, ends + YEARS),
                        )
                    ],
                }
                for (engine, major), ends in SUPPORT_ENDS.items()
            ]
        }
    )


def only_named(describe: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """moto ignores the filter by which one parameter is asked for."""

    def named(self: Any) -> ActionResult:
        found: Any = describe(self).result
        names = [n for f in self.params.get("Filters", []) for n in f["Values"]]
        return ActionResult(
            {
                "Parameters": [
                    p for p in found["Parameters"] if not names or p["ParameterName"] in names
                ]
            }
        )

    return named
