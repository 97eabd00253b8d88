"""The demonstration organization as a server: AWS's API on a local port, in a child process."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from . import planted
from .accounts import EXTERNAL_ID, HOME, MANAGEMENT, Account, roster
from .sessions import SCANNER, session_keys

PACKAGE_ROOT = Path(__file__).parents[2]

MOTO_SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
    "PYTHONHASHSEED": "0",  # moto keeps some things in sets; their order must not change
}
STOP_AFTER = 5.0  # seconds that the child has to end by itself


@dataclass(frozen=True)
class Organization:
    """A running demonstration organization."""

    endpoint_url: str
    """http://aws@127.0.0.1:<port>.

    The "aws@" is there for S3 Control alone: boto3 puts "<account id>." in front of the
    endpoint's host, and no such name resolves. In front of a user name it harms nobody.
    """

    accounts: list[Account]
    truth: list[dict[str, str]] = field(repr=False)
    """Planted misconfigurations: account, account_id, region, rule_id, resource_arn, note."""

    faults: list[dict[str, str]] = field(repr=False)
    """Planted faults: account, account_id, region, operation, resource_arn, outcome, code, note."""

    pid: int
    external_id: str = EXTERNAL_ID

    @property
    def credentials(self) -> dict[str, str]:
        """The environment in which any AWS SDK is the scanner, in the management account."""
        keys = session_keys(MANAGEMENT.id, SCANNER)
        return {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            "AWS_REGION": HOME,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_MAX_ATTEMPTS": "3",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def serve(accounts: int | None = None, port: int = 0) -> Generator[Organization]:
    """The organization, `accounts` in all (seven if None), ready to be asked, until exit.

    Raises ValueError for fewer than seven accounts, RuntimeError if the server can't start.
    """
    members = roster(accounts)
    python_path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "stratum_pipeline.demo.child", str(len(members)), str(port)],
        env={k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
        | MOTO_SETTINGS
        | {"PYTHONPATH": python_path},
        stdin=subprocess.PIPE,  # its end tells the child that we are gone, however we went
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield _ready(child.stdout, members, child.pid)
        finally:
            child.stdin.close()
            try:
                child.wait(STOP_AFTER)
            except subprocess.TimeoutExpired:
                child.kill()


def _ready(stdout: IO[str], members: list[Account], pid: int) -> Organization:
    line = stdout.readline()
    if not line:
        raise RuntimeError("the demonstration organization did not start; see its errors above")
    said: dict[str, Any] = json.loads(line)
    return Organization(
        endpoint_url=f"http://aws@127.0.0.1:{said['port']}",
        accounts=members,
        truth=planted.truth(members, said["names"]),
        faults=planted.faults(members, said["names"]),
        pid=pid,
    )
