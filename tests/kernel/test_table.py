"""Typed tables: what is wrong is refused, and null is told apart from empty."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.table import TIMESTAMP, Column, Resource, Table, each, has, some
from stratum_pipeline.kernel.table import setting_arn as setting

GRANT = pl.Struct({"who": pl.String, "ports": pl.List(pl.Int64)})


class Things(Table):
    name = Column(pl.String, "")
    size = Column(pl.Int64, "")
    on = Column(pl.Boolean, "")
    tags = Column(pl.List(pl.String), "")
    grants = Column(pl.List(GRANT), "")
    made = Column(TIMESTAMP, "")
    judged = Column(pl.Boolean, "", derived=True)


GOOD = {
    "name": "a",
    "size": 1,
    "on": False,
    "tags": ["x"],
    "grants": [{"who": "me", "ports": [22]}],
    "made": datetime(2026, 1, 1, tzinfo=UTC),
}


def test_what_is_right_is_taken_as_it_is():
    assert Things.frame([GOOD]).to_dicts() == [GOOD]
    assert Things.frame([GOOD]).schema == Things.schema()
    assert "judged" not in Things.schema()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 1},
        {"name": ["a"]},
        {"size": "1"},
        {"size": 1.5},
        {"size": True},
        {"on": 1},
        {"on": "true"},
        {"tags": "xyz"},
        {"tags": [1]},
        {"tags": {"x": 1}},
        {"grants": [{"who": 1, "ports": []}]},
        {"grants": [{"who": "me", "ports": "22"}]},
        {"grants": [{"who": "me", "ports": ["22"]}]},
        {"grants": [{"who": "me", "ports": [2.5]}]},
        {"grants": [{"who": "me", "port": [22]}]},
        {"grants": {"who": "me"}},
        {"made": "2026-01-01"},
        {"judged": True},
        {"colour": "red"},
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_at_any_depth(wrong: dict[str, Any]):
    with pytest.raises(Exception, match=r".") as caught:
        Things.frame([GOOD, GOOD | wrong])
    assert isinstance(caught.value, KeyError | TypeError | ValueError)


def test_null_and_empty_stay_apart_through_parquet(tmp_path):
    rows = [
        {"name": "", "tags": [], "grants": []},
        {"name": None, "tags": None, "grants": None},
        {"tags": [None, ""], "grants": [None, {"who": None, "ports": []}, {"who": ""}]},
    ]
    frame = Things.frame(rows)
    frame.write_parquet(tmp_path / "things.parquet")
    back = pl.read_parquet(tmp_path / "things.parquet")
    assert_frame_equal(back, frame)
    assert back.select("name", "tags", "grants").rows() == [
        ("", [], []),
        (None, None, None),
        (
            None,
            [None, ""],
            [None, {"who": None, "ports": []}, {"who": "", "ports": None}],
        ),
    ]


def test_labels():
    def label(name: str) -> str:
        return type(name, (Table,), {}).label

    assert label("SecurityGroups") == "security_groups"
    assert label("Ec2Instances") == "ec2_instances"
    assert label("Users") == "users"


def test_columns_are_inherited_in_order_and_read_as_expressions():
    class Rooms(Resource, listed_by="x:ListRooms", regional=False):
        size = Column(pl.Int64, "", source="x:GetRoom")

    assert list(Rooms.columns) == ["arn", "account_id", "region", "incarnation", "size"]
    assert Rooms.size.meta.output_name() == "size"
    assert Rooms.operations() == {"x:ListRooms", "x:GetRoom"}
    assert (Rooms.regional, Resource.columns.keys() & {"size"}) == (False, set())


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["x", "y"], True),
        (["x", None], True),
        (["y"], False),
        ([], False),
        (["y", None], None),
        (None, None),
    ],
)
def test_a_list_with_an_unknown_in_it_has_no_certain_no(tags, found):
    frame = Things.frame([{"tags": tags}])
    assert frame.select(has(Things.tags, "x")).item() is found


@pytest.mark.parametrize(
    ("who", "found"), [(["me"], True), (["you"], False), (["you", None], None)]
)
def test_some_looks_into_structs(who, found):
    frame = Things.frame([{"grants": [{"who": w, "ports": []} for w in who]}])
    assert frame.select(some(Things.grants, each("who") == "me")).item() is found


def test_settings_have_arns_of_their_own():
    assert setting("aws", "s3", "", "1", "block") == "arn:aws:s3::1:setting/block"
    assert setting("aws-cn", "ec2", "cn-north-1", "1", "x") == (
        "arn:aws-cn:ec2:cn-north-1:1:setting/x"
    )
