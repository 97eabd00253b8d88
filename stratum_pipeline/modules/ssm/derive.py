"""What names and versions amount to. Pure."""

import re
from datetime import UTC, datetime

import polars as pl

from stratum_pipeline.kernel.table import NEVER, TIMESTAMP

# End of free public security updates; where updates can be bought for longer (ESM, ELS, ESU,
# LTSS), this is the day they cost extra. Debian's and Ubuntu's as in Debian's distro-info-data
# 0.58, Amazon Linux 2's as AWS announced it, the others' as in endoflife.date, of whose days for
# Oracle Linux only the month is Oracle's.
SUPPORT: dict[str, dict[str, str]] = {  # by operating system, by version
    r"Amazon Linux AMI": {"": "2023-12-31"},
    r"Amazon Linux": {"2": "2026-06-30", "2018": "2023-12-31", "2017": "2023-12-31"},
    r"Ubuntu": {
        "14.04": "2019-04-25",
        "16.04": "2021-04-30",
        "18.04": "2023-05-31",
        "20.04": "2025-05-29",
        "20.10": "2021-07-22",
        "21.04": "2022-01-20",
        "21.10": "2022-07-14",
        "22.04": "2027-06-01",
        "22.10": "2023-07-20",
        "23.04": "2024-01-25",
        "23.10": "2024-07-11",
        "24.04": "2029-05-31",
        "24.10": "2025-07-10",
        "25.04": "2026-01-15",
        "25.10": "2026-07-09",
    },
    r"Debian.*": {
        "8": "2020-06-30",
        "9": "2022-06-30",
        "10": "2024-06-30",
        "11": "2026-08-31",
        "12": "2028-06-30",
    },
    r"CentOS Stream": {"8": "2024-05-31", "9": "2027-05-31"},
    r"CentOS.*": {"6": "2020-11-30", "7": "2024-06-30", "8": "2021-12-31"},
    r"Red Hat Enterprise Linux.*": {"6": "2020-11-30", "7": "2024-06-30", "8": "2029-05-31"},
    r"Oracle Linux.*": {"6": "2021-03-31", "7": "2024-12-31", "8": "2029-07-31"},
    r"SLES|SUSE.*": {"11": "2019-03-31", "12": "2024-10-31"},
    r".*Windows Server 2008.*": {"": "2020-01-14"},
    r".*Windows Server 2012.*": {"": "2023-10-10"},
    r".*Windows Server 2016.*": {"": "2027-01-12"},
    r".*Windows Server 2019.*": {"": "2029-01-09"},
}

SECRET = re.compile(
    r"(?:^|[^a-z])(?:password|passwd|passphrase|pwd|secrets?|(?:api|access|private|secret)[-_.]?key"
    r"|(?:auth|access|api|refresh|bearer)[-_.]?token|token|credentials?|connection[-_.]?string)$"
)
"""The end of a name that says its value is a secret; what goes on ("-arn", "-length") is none."""


def support_ends(raw: pl.DataFrame) -> pl.Series:
    """`support_ends` of ManagedInstances, from `os_name` and `os_version`."""
    known: dict[tuple[str | None, str | None], datetime | None] = {}
    pairs = list(raw.select("os_name", "os_version").iter_rows())
    for pair in pairs:
        if pair not in known:
            known[pair] = _ends(*pair)
    return pl.Series("support_ends", [known[pair] for pair in pairs], TIMESTAMP)


def names_secret(name: pl.Expr) -> pl.Expr:
    """Whether a parameter's name ends in what it is: "/app/DbPassword", "stripe-api-key"."""
    words = name.str.replace_all(r"([a-z0-9])([A-Z])", "$1-$2").str.to_lowercase()
    return words.str.contains(SECRET.pattern)


def _ends(name: str | None, version: str | None) -> datetime | None:
    """The day after which `name` `version` has no more updates; None where either is unknown."""
    if name is None:
        return None
    for pattern, versions in SUPPORT.items():
        if re.fullmatch(pattern, name):
            if "" in versions:
                return _day(versions[""])
            if version is None:
                return None
            told = [day for v, day in versions.items() if re.match(rf"{re.escape(v)}\b", version)]
            return _day(told[0]) if told else datetime.fromisoformat(NEVER)
    return datetime.fromisoformat(NEVER)


def _day(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
