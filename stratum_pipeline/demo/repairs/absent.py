"""Services that moto knows nothing of: Compute Optimizer and the Price List API."""

import json
import re
import sys
from types import ModuleType
from typing import Any

from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse

from ..accounts import HOME, IRELAND, SYDNEY

ADVICE: dict[tuple[str, str], list[dict[str, Any]]] = {}
"""Lambda recommendations, by account and region; accounts that are no key are not enrolled."""

ENROLLED: set[str] = set()

STORAGE = {
    # USD per GB: gp2, gp3, io1
    HOME: {"gp2": 0.1, "gp3": 0.08, "io1": 0.125},
    IRELAND: {"gp2": 0.11, "gp3": 0.088, "io1": 0.138},
    SYDNEY: {"gp2": 0.12, "gp3": 0.096, "io1": 0.138},
}
MACHINES = {
    # USD an hour, Linux
    "t2.medium": {HOME: 0.0464, IRELAND: 0.05, SYDNEY: 0.0584},
    "t3.medium": {HOME: 0.0416, IRELAND: 0.0456, SYDNEY: 0.0528},
    "t3.micro": {HOME: 0.0104, IRELAND: 0.0114, SYDNEY: 0.0132},
    "m5.2xlarge": {HOME: 0.384, IRELAND: 0.428, SYDNEY: 0.48},
    "m4.large": {HOME: 0.1, IRELAND: 0.111, SYDNEY: 0.125},
    "m6i.large": {HOME: 0.096, IRELAND: 0.107, SYDNEY: 0.12},
}


class OptimizerResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="compute-optimizer")

    def get_enrollment_status(self) -> str:
        enrolled = self.current_account in ENROLLED
        return json.dumps({"status": "Active" if enrolled else "Inactive"})

    def get_lambda_function_recommendations(self) -> str:
        if self.current_account not in ENROLLED:
            raise JsonRESTError("OptInRequiredException", "The account is not enrolled.")
        found = ADVICE.get((self.current_account, self.region), [])
        return json.dumps({"lambdaFunctionRecommendations": found})


class PricingResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="pricing")

    def get_products(self) -> str:
        asked = {f["Field"]: f["Value"] for f in json.loads(self.body)["Filters"]}
        region = asked["regionCode"]
        found: list[str] = []
        if asked.get("productFamily") == "Storage":
            for kind, usd in STORAGE[region].items():
                found.append(_product({"volumeApiName": kind}, usd, "GB-Mo"))
        for machine in asked.get("instanceType", "").split(","):
            if machine in MACHINES:
                about = {"instanceType": machine, "operatingSystem": "Linux"}
                found.append(_product(about, MACHINES[machine][region], "Hrs"))
        return json.dumps({"FormatVersion": "aws_v1", "PriceList": found})


def _product(attributes: dict[str, str], usd: float, unit: str) -> str:
    price = {"unit": unit, "beginRange": "0", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    return json.dumps(
        {
            "product": {"attributes": attributes},
            "terms": {"OnDemand": {"term": {"priceDimensions": {"rate": price}}}},
            "publicationDate": "2026-11-20T18:00:00Z",
        }
    )


SERVICES = {"compute-optimizer": OptimizerResponse, "pricing": PricingResponse}


def apply() -> None:
    for name, responses in SERVICES.items():
        module: Any = ModuleType(name)

        paths = {"flask_paths": {"/": responses.dispatch}}
        backend: Any = type("Backend", (BaseBackend,), paths)
        package = name.replace("-", "")
        setattr(module, f"{package}_backends", BackendDict(backend, name))
        sys.modules[f"moto.{package}"] = module
        backend_index.backend_url_patterns.append(
            (name, re.compile(rf"https?://{name}\.(.+)\.amazonaws\.com"))
        )
