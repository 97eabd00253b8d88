"""What happens on a disk that is full: `python full_disk.py FOLDER`, in mounts of its own.

Mounts a file system of one megabyte on FOLDER and prints, as JSON, what was seen.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

FRAME = pl.DataFrame({"noise": [os.urandom(400_000).hex()]})


def refusal(act, *args) -> str:
    try:
        act(*args)
    except StoreError as error:
        return str(error)
    return "none"


def main(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    store = LocalStore(folder)
    data, vault = Data(store), Vault(store)
    data.write_table("s3", "buckets", "1", pl.DataFrame({"noise": ["old"]}))
    filler = folder / "filler"
    filler.write_bytes(bytes(700_000))
    seen = {
        "put": refusal(data.write_table, "s3", "buckets", "1", FRAME),
        "create": refusal(vault.payload, FRAME),
        "kept": data.read_table("s3", "buckets", "1")["noise"].to_list(),
        "files": sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()),
    }
    filler.unlink()
    data.write_table("s3", "buckets", "1", FRAME)
    read = vault.read_payload(vault.payload(FRAME))
    seen["after"] = read.equals(data.read_table("s3", "buckets", "1"))
    print(json.dumps(seen))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
