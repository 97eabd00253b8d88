"""Sensors and the schedule: when they ask for a run, and when they don't."""

from datetime import UTC, datetime

import boto3
import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.lifecycle.triage import triage
from stratum_pipeline.sensors.discovery import account_discovery
from stratum_pipeline.sensors.queue import scans_ended, triage_events
from stratum_pipeline.sensors.schedules import chunks, daily_scan

ACTOR = {"kind": "person", "id": "ann", "assurance": "unauthenticated"}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def sensed(sensor, stratum, instance, cursor=None):
    context = dg.build_sensor_context(
        instance=instance, resources={"stratum": stratum}, cursor=cursor
    )
    return sensor.evaluate_tick(context)


def test_discovery_adds_partitions_of_new_accounts_and_removes_none(stratum, instance):
    instance.add_dynamic_partitions("aws_account", ["999999999999"])
    boto3.client("organizations", region_name="us-east-1").create_organization(FeatureSet="ALL")
    organizations = boto3.client("organizations", region_name="us-east-1")
    joined = organizations.create_account(Email="a@example.com", AccountName="a")
    member = joined["CreateAccountStatus"]["AccountId"]
    tick = sensed(account_discovery, stratum, instance)
    (request,) = tick.dynamic_partitions_requests
    assert isinstance(request, dg.AddDynamicPartitionsRequest)
    assert member in request.partition_keys
    assert len(tick.run_requests) == 1
    instance.add_dynamic_partitions("aws_account", request.partition_keys)
    again = sensed(account_discovery, stratum, instance, tick.cursor)
    assert again.run_requests == []
    assert "as before" in again.skip_message


def test_discovery_without_credentials_says_why(stratum, instance, refuse):
    refuse("GetCallerIdentity", "ExpiredToken")
    assert "ExpiredToken" in sensed(account_discovery, stratum, instance).skip_message


def test_triage_rebuilds_the_queue_once_it_lags_behind(scan, stratum, instance, queue):
    scan()
    assert sensed(triage_events, stratum, instance).run_requests == []
    finding = queue()["finding_id"][0]
    triage(stratum.ledger, ACTOR, Kind.ACKNOWLEDGED, [finding], now=datetime.now(UTC))
    (request,) = sensed(triage_events, stratum, instance).run_requests
    assert request.run_key == f"ledger/{stratum.ledger.head().seq}"


def test_an_ended_scan_is_recorded_once(scan, stratum, instance):
    assert "nothing was scanned" in sensed(scans_ended, stratum, instance).skip_message
    scan()
    with dg.DagsterInstance.get() as real:
        tick = sensed(scans_ended, stratum, real)
        assert len(tick.run_requests) == 1
        assert sensed(scans_ended, stratum, real, tick.cursor).run_requests == []


def test_the_daily_scan_covers_active_accounts_in_contiguous_chunks(stratum, instance, monkeypatch):
    accounts = [f"{n:012}" for n in range(1, 8)]
    instance.add_dynamic_partitions("aws_account", accounts)
    # An ephemeral instance has no reference that a schedule could open it by.
    monkeypatch.setattr(dg.ScheduleEvaluationContext, "instance", instance)
    context = dg.build_schedule_context(
        resources={"stratum": stratum},
        scheduled_execution_time=datetime(2026, 1, 1, 3, tzinfo=UTC),
    )
    requests = daily_scan.evaluate_tick(context).run_requests
    assert [r.run_key for r in requests] == [f"2026-01-01T0300/{accounts[0]}"]
    assert requests[0].tags["dagster/asset_partition_range_start"] == accounts[0]
    assert requests[0].tags["dagster/asset_partition_range_end"] == accounts[-1]


@given(
    keys=st.lists(st.integers(0, 99).map(str), unique=True),
    chosen=st.data(),
    size=st.integers(1, 7),
)
def test_chunks_cover_exactly_what_is_wanted(keys, chosen, size):
    wanted = set(chosen.draw(st.lists(st.sampled_from(keys), unique=True))) if keys else set()
    covered = []
    for first, last, count in chunks(keys, wanted, size):
        chunk = keys[keys.index(first) : keys.index(last) + 1]
        assert len(chunk) == count <= size
        covered += chunk
    assert covered == [key for key in keys if key in wanted]
