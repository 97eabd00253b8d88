"""Each AWS CLI command in a remediation is one that exists, with parameters that exist."""

import re
import shlex
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from stratum_pipeline.kernel.rule import Rule, fields
from stratum_pipeline.registry import RULES

GLOBAL = {"region", "output", "query", "no-cli-pager", "profile"}
SERVICES = {"s3api": "s3", "configservice": "config"}  # the CLI's name: the API's
OTHERWISE = {"ingress": "no-egress"}  # the CLI's name for a switch turned off
OWN = {("s3", "rm"), ("s3", "cp"), ("configure", "sso")}  # commands that are no one operation

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def commands(text: str) -> list[list[str]]:
    """The words of each "aws ..." command in `text`, placeholders filled in."""
    filled = re.sub(r"(?<!\{)\{\w+\}(?!\})", "x", text).replace("{{", "{").replace("}}", "}")
    return [shlex.split(part) for part in re.split(r"\s*(?:&&|\n|;\s)\s*", filled) if part]


@cache
def operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def switch(kind: Any) -> bool:
    """Whether the CLI takes it as --name and --no-name."""
    wrapped = kind.type_name == "structure" and [*kind.members] == ["Value"]
    return kind.type_name == "boolean" or (wrapped and switch(kind.members["Value"]))


def check(words: list[str]) -> None:
    assert words[0] == "aws", words
    service, name = words[1:3]
    if (service, name) in OWN:
        return
    known = operations(service)
    assert name in known, f"aws {service} has no {name}"
    shape = known[name].input_shape
    given = [w.removeprefix("--").partition("=")[0] for w in words if w.startswith("--")]
    given = [OTHERWISE.get(w, w) for w in given]
    members: dict[str, Any] = shape.members if shape else {}
    takes = {xform_name(member, "-"): kind for member, kind in members.items()}
    flags = {f"no-{n}" for n, kind in takes.items() if switch(kind)}
    assert set(given) <= {*takes, *flags, *GLOBAL}, f"{service} {name}: {given}"
    required = {xform_name(member, "-") for member in (shape.required_members if shape else ())}
    met = {*given, *(word.removeprefix("no-") for word in given)}
    assert required <= met, f"{service} {name} needs {required - met}"


@each_rule
def test_commands_exist(rule: Rule):
    for words in commands(rule.cli):
        check(words)


@each_rule
def test_what_may_break_and_how_to_undo_it_are_told(rule: Rule):
    assert rule.breaks.endswith(".")
    assert rule.undo
    for command in re.findall(r"aws [a-z0-9-]+ [a-z0-9-]+ --[^`]*", rule.undo):
        for words in commands(command):
            check(words)
    for name in fields(rule.undo):
        assert name in rule.table.columns
