"""A disk that is really full, as root or not: a small tmpfs in a namespace of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import full_disk
from .conftest import SOURCES

WAYS = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])  # root, anyone


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux mount namespaces")
def test_full_disk(tmp_path: Path):
    probe = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    refused = [
        (way, subprocess.run([*way, *probe], capture_output=True, text=True)) for way in WAYS
    ]
    able = [way for way, ran in refused if ran.returncode == 0]
    if not able:
        pytest.fail(f"no way to mount a small disk here: {[ran.stderr for _, ran in refused]}")
    for way in able:
        ran = subprocess.run(
            [*way, sys.executable, full_disk.__file__, str(tmp_path)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert ran.returncode == 0, ran.stderr
        seen = json.loads(ran.stdout)
        for act, path in (("put", "account=1.parquet"), ("create", "payload")):
            assert path in seen[act]
            assert "No space left on device; free space and run again" in seen[act]
            assert "nothing was lost: the previous version stands" in seen[act]
        assert seen["kept"] == ["old"]
        assert seen["files"] == ["filler", "inventory/s3/buckets/account=1.parquet"]
        assert seen["after"] is True
