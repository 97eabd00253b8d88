"""Lambda."""

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda import urls
from moto.awslambda.models import LambdaFunction
from moto.awslambda.policy import Policy
from moto.awslambda.responses import LambdaResponse
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random

moto_init: Any = LambdaFunction.__init__
moto_get_configuration: Any = LambdaFunction.get_configuration
moto_add_statement: Any = Policy.add_statement
SIGNING = "{0}/(?P<api_version>[^/]+)/code-signing-configs"

CODE_SIGNING: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
"""Code signing configurations by account and region, by ARN."""


def apply() -> None:
    moto: Any = LambdaFunction
    moto.__init__ = function_init
    moto.get_configuration = get_configuration
    moto.vpc_config = property(vpc_config)
    moto = Policy
    moto.add_statement = add_statement
    moto = LambdaResponse
    moto.list_functions = list_functions
    moto.list_function_url_configs = list_function_url_configs
    moto.create_code_signing_config = create_code_signing_config
    moto.list_code_signing_configs = list_code_signing_configs
    moto.list_functions_by_code_signing_config = list_functions_by_code_signing_config
    for path in (
        "{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[^/]+)/urls/?$",
        SIGNING + "/?$",
        SIGNING + "/(?P<code_signing_config_arn>[^/]+)/functions/?$",
    ):
        urls.url_paths[path] = LambdaResponse.dispatch


def function_init(self: Any, account_id: str, spec: dict[str, Any], *args: Any, **kw: Any) -> None:
    """moto forgets the dead letter queue."""
    moto_init(self, account_id, spec, *args, **kw)
    self.dead_letter_config = spec.get("DeadLetterConfig")


def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
    found = moto_get_configuration(self, on_create)
    return found | (
        {"DeadLetterConfig": self.dead_letter_config} if self.dead_letter_config else {}
    )


def vpc_config(self: Any) -> dict[str, Any] | None:
    """moto has every function in "vpc-123abc"."""
    given: dict[str, Any] = self._vpc_config or {}
    if not given.get("SubnetIds"):
        return None
    subnet = ec2_backends[self.account_id][self.region].get_subnet(given["SubnetIds"][0])
    return given | {"VpcId": subnet.vpc_id}


def add_statement(self: Any, raw: str, qualifier: str | None = None) -> Any:
    """moto takes the conditions on function URLs for fields of the statement."""
    asked = json.loads(raw)
    through_url = asked.pop("InvokedViaFunctionUrl", None)
    auth = asked.pop("FunctionUrlAuthType", None)
    statement, revision = moto_add_statement(self, json.dumps(asked), qualifier)
    conditions = statement.setdefault("Condition", {}) if auth or through_url else {}
    if auth:
        conditions["StringEquals"] = {"lambda:FunctionUrlAuthType": auth}
    if through_url:
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    return statement, revision


def list_functions(self: Any) -> str:
    """moto knows no pages here."""
    found = [f.get_configuration() for f in self.backend.list_functions(None)]
    start = int(self._get_param("Marker") or 0)
    end = start + int(self._get_param("MaxItems") or 50)
    more = {"NextMarker": str(end)} if end < len(found) else {}
    return json.dumps({"Functions": found[start:end], **more})


def list_function_url_configs(self: Any) -> str:
    function = self.backend.get_function(self.path.split("/")[-2])
    found = [function.url_config.to_dict()] if function.url_config else []
    return json.dumps({"FunctionUrlConfigs": found})


def create_code_signing_config(self: Any) -> tuple[int, dict[str, Any], str]:
    asked = self.json_body
    name = f"csc-{mock_random.get_random_hex(17)}"
    arn = f"arn:aws:lambda:{self.region}:{self.current_account}:code-signing-config:{name}"
    made = {
        "CodeSigningConfigId": name,
        "CodeSigningConfigArn": arn,
        "AllowedPublishers": asked["AllowedPublishers"],
        "CodeSigningPolicies": asked["CodeSigningPolicies"],
    }
    CODE_SIGNING.setdefault((self.current_account, self.region), {})[arn] = made
    return 201, {}, json.dumps({"CodeSigningConfig": made})


def list_code_signing_configs(self: Any) -> str:
    here = CODE_SIGNING.get((self.current_account, self.region), {})
    return json.dumps({"CodeSigningConfigs": [*here.values()]})


def list_functions_by_code_signing_config(self: Any) -> str:
    arn = unquote(self.path).partition("code-signing-configs/")[2].rpartition("/functions")[0]
    functions = self.backend.list_functions(None)
    signed = [f.function_arn for f in functions if f.code_signing_config_arn == arn]
    return json.dumps({"FunctionArns": signed})
