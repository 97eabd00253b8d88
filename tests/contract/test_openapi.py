"""The contract as others read it: nothing of it changes unless somebody says so."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import server

COMMITTED = Path(server.__file__).with_name("openapi.json")
REMAKE = "python -m stratum_pipeline.triage.server > stratum_pipeline/triage/openapi.json"
each_operation = pytest.mark.parametrize("operation", c.OPERATIONS, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return server.openapi()


def routes(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [route for path in described["paths"].values() for route in path.values()]


def test_it_is_as_committed(described: dict[str, Any]):
    assert json.loads(COMMITTED.read_text()) == described, (
        f"The contract changed. If that is meant, raise VERSION and run\n  {REMAKE}"
    )


def test_it_does_not_depend_on_who_makes_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRATUM_IDENTITY", "nonsense")
    monkeypatch.setenv("STRATUM_VAULT", "s3://nowhere")
    assert server.openapi() == json.loads(COMMITTED.read_text())


def test_its_version_is_the_contracts(described: dict[str, Any]):
    assert described["info"]["version"] == c.VERSION


@each_operation
def test_every_operation_is_there(described: dict[str, Any], operation: c.Operation):
    route = described["paths"][operation.path][operation.method.lower()]
    assert route["operationId"] == operation.name
    assert route["summary"] == operation.doc
    assert route["tags"] == [operation.role]
    answer = route["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": f"#/components/schemas/{operation.gives.__name__}"}


@each_operation
def test_every_question_is_asked_in_full(described: dict[str, Any], operation: c.Operation):
    route = described["paths"][operation.path][operation.method.lower()]
    if operation.method == "POST":
        body = route["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{operation.asks.__name__}"}
    else:
        named = {p["name"] for p in route.get("parameters", []) if p["in"] != "header"}
        assert named == operation.asks.model_fields.keys()


def test_nothing_else_is_there(described: dict[str, Any]):
    ids = sorted(route["operationId"] for route in routes(described))
    assert ids == sorted([*(o.name for o in c.OPERATIONS), "session", "export", "health"])


def test_every_parameter_is_described(described: dict[str, Any]):
    for route in routes(described):
        for parameter in route.get("parameters", []):
            schema = parameter["schema"]
            says = parameter.get("description") or (schema.get("items") or schema).get("enum")
            assert says, (route["operationId"], parameter["name"])


def bounds(schema: dict[str, Any], schemas: dict[str, Any], at: str) -> Iterator[str]:
    """What has no end, of what can be sent."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        yield from bounds(part, schemas, at)
    if "enum" in schema or "const" in schema:
        return
    match schema.get("type"):
        case "string" if "maxLength" not in schema and schema.get("format") != "date-time":
            yield at
        case "integer" | "number" if not {"maximum", "exclusiveMaximum"} & schema.keys():
            yield at
        case "array":
            if "maxItems" not in schema:
                yield at
            yield from bounds(schema["items"], schemas, f"{at}[]")
        case "object":
            for name, part in schema.get("properties", {}).items():
                yield from bounds(part, schemas, f"{at}.{name}")
            if more := schema.get("additionalProperties"):
                if not {"maxProperties", "propertyNames"} <= schema.keys():
                    yield at
                names = {"type": "string"} | schema.get("propertyNames", {})
                yield from bounds(names, schemas, f"{at} name")
                yield from bounds(more, schemas, f"{at} value")
        case None if "anyOf" not in schema:
            yield at


def test_whatever_can_be_sent_has_an_end(described: dict[str, Any]):
    schemas = described["components"]["schemas"]
    endless: list[str] = []
    for route in routes(described):
        for one in route.get("parameters", []):
            endless += bounds(one["schema"], schemas, f"{route['operationId']}: {one['name']}")
        if "requestBody" in route:
            body = route["requestBody"]["content"]["application/json"]["schema"]
            endless += bounds(body, schemas, route["operationId"])
    assert endless == []


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "array", "items": {"enum": ["a"]}},
        {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        {"type": "object", "additionalProperties": {"enum": ["a"]}},
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}},
    ],
)
def test_what_has_no_end_is_found(schema: dict[str, Any]):
    assert list(bounds(schema, {}, "x"))


def test_every_refusal_is_a_problem(described: dict[str, Any]):
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for route in routes(described):
        refusals = {int(status) for status in route["responses"]} - {200, 304}
        assert refusals >= {401, 403, 422, 500, 503} or route["operationId"] == "health"
        for status in refusals:
            content = route["responses"][str(status)]["content"]
            assert content == {"application/problem+json": problem}


def test_every_model_refuses_what_it_does_not_know(described: dict[str, Any]):
    schemas = described["components"]["schemas"]
    objects = {name for name, schema in schemas.items() if schema["type"] == "object"}
    closed = {name for name in objects if schemas[name].get("additionalProperties") is False}
    # A client may be older than the server whose problem it reads.
    assert objects - closed == {"Problem"}


def test_every_question_refuses_what_it_does_not_know():
    models = [model for o in c.OPERATIONS for model in (o.asks, o.gives)] + [c.ExportQuery]
    assert {model.model_config.get("extra") for model in models} == {"forbid"}


def test_every_reference_leads_somewhere(described: dict[str, Any]):
    text = json.dumps(described)
    names = {piece.partition('"')[0] for piece in text.split("#/components/schemas/")[1:]}
    assert names == described["components"]["schemas"].keys()
