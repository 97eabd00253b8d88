"""Eight processes append to one ledger at once: nothing is lost, and nothing is there twice."""

import os
import subprocess
import sys

import pytest

from stratum_pipeline.evidence.verify import Verification
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import ObjectStore, S3Store
from stratum_pipeline.store.vault import Vault

from . import writers
from .conftest import SOURCES

WRITERS, EACH, EACH_ON_S3 = 8, 50, 6
"""The emulator answers 30 requests for every entry that one of eight wins: 0.1 s. A longer run
shows no more: all eight want every entry from the first on."""


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("served", ["local", "AWS_ENDPOINT_URL"], indirect=True)
def test_none_is_lost_and_none_is_there_twice(served: ObjectStore):
    url = served.url("x").removesuffix("/x")
    each = EACH_ON_S3 if isinstance(served, S3Store) else EACH
    subprocess.run(
        [sys.executable, writers.__file__, url, str(WRITERS), str(each)],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    vault = Vault(served)
    texts = [entry.body["text"] for entry in Ledger(vault).entries()]
    assert len(texts) == WRITERS * each
    for me in range(WRITERS):  # each writer's own, in the order it wrote them
        own = [text for text in texts if text.startswith(f"{me} ")]
        assert own == [f"{me} {n}" for n in range(each)]
    look = Verification(vault)
    assert list(look.findings()) == []
    assert look.entries == WRITERS * each
