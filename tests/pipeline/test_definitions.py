"""What Dagster is shown: a change here is seen, and meant."""

import json
from pathlib import Path

import dagster as dg
import pytest

from stratum_pipeline.definitions import assemble
from stratum_pipeline.settings import Settings

SNAPSHOT = Path(__file__).with_name("definitions.json")


def describe(definitions: dg.Definitions) -> dict:
    """The code location in short: what a reader of the lineage sees."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    assets = {
        node.key.to_user_string(): {
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "upstream": sorted(key.to_user_string() for key in node.parent_keys),
            "partitioned": node.is_partitioned,
            "pools": sorted(node.pools or ()),
            "described": bool(node.description),
            "checks": sorted(check.name for check in node.check_keys),
            "fresh": node.freshness_policy is not None,
        }
        for node in graph.asset_nodes
    }
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    return {
        "assets": dict(sorted(assets.items())),
        "jobs": dict(sorted(jobs.items())),
        "schedules": {s.name: s.cron_schedule for s in repository.schedule_defs},
        "sensors": {s.name: s.default_status.value for s in repository.sensor_defs},
    }


@pytest.fixture
def definitions(settings: Settings) -> dg.Definitions:
    return assemble(settings.model_copy(update={"modules": ()}))


def test_definitions_load(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_definitions_are_as_committed(definitions):
    """To accept a change: write what this prints to definitions.json."""
    now = json.dumps(describe(definitions), indent=1, sort_keys=True)
    assert now == SNAPSHOT.read_text().strip(), now


def test_one_module_alone_is_a_whole_pipeline(settings):
    alone = describe(assemble(settings.model_copy(update={"modules": ("s3",)})))
    assert set(alone["assets"]) == {"accounts", "raw/s3", "findings/s3", "ledger", "queue"}
    assert alone["jobs"]["scan"] == ["findings/s3", "raw/s3"]
