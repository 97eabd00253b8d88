"""Values worth trying in cost tables, for the contract every rule keeps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ...conftest import SCANNED_AT

AGES = [SCANNED_AT - timedelta(days=days) for days in (1, 20, 100, 200, 400)]
NEVER_CAME = datetime(1970, 1, 1, tzinfo=UTC)

SAMPLES: dict[str, list[Any]] = {
    "instance_type": ["t3.micro", "m4.xlarge", "m5.2xlarge", "c5.large", "x9.metal"],
    "state": ["running", "stopped", "in-use", "available"],
    "launched": [*AGES, NEVER_CAME],
    "stopped": [*AGES, NEVER_CAME],
    "created": AGES,
    "started": AGES,
    "accessed": [*AGES, NEVER_CAME],
    "platform": ["linux", "windows"],
    "market": ["on-demand", "spot"],
    "cpu_peak": [0.0, 3.0, 10.0, 80.0],
    "network_mb": [0.0, 3.0, 900.0],
    "volume_type": ["gp2", "gp3", "io1", "io2", "st1"],
    "iops": [100, 3000, 10_000, 32_000],
    "iops_peak": [0.0, 90.0, 5000.0],
    "throughput": [0, 125, 500],
    "tier": ["standard", "archive"],
    "pool": ["amazon", "ipv4pool-ec2-1"],
    "instance_state": ["", "running", "stopped"],
    "bytes_out": [0.0, 1.0, 1e9],
    "bytes_processed": [0.0, 1.0, 1e9],
    "used": [0.0, 1.0, 1e6],
    "kind": ["application", "network", "gateway"],
    "zones": [1, 3],
    "standard_gb": [0.0, 20.0, 1000.0, 90_000.0],
    "stale_uploads": [0, 3],
    "stale_gb": [0.0, 5.0],
    "retention_days": [0, 30],
    "stored_gb": [0.0, 0.2, 1.0, 300.0],
    "instance_class": ["db.t3.micro", "db.m4.large", "db.r6i.xlarge"],
    "engine": ["mysql", "postgres", "aurora-mysql"],
    "status": ["available", "stopped"],
    "cluster": ["", "orders"],
    "connections": [0.0, 1.0, 40.0],
    "billing": ["PROVISIONED", "PAY_PER_REQUEST"],
    "read_units": [0, 5, 1000],
    "write_units": [0, 5, 1000],
    "read_peak": [0.0, 1.0, 900.0],
    "write_peak": [0.0, 1.0, 900.0],
    "reasons": [[], ["MemoryOverprovisioned"], ["MemoryUnderprovisioned"]],
    "memory_mb": [1024],
    "advised_mb": [256, 1024],
    "optimizer": ["Active", "Inactive"],
    "owner": ["", "rds"],
    "usd": [0.0, 3.5],
    "": ["x", "web"],
}
