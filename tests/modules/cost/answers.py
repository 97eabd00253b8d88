"""What moto lacks, answered as AWS documents it: metrics, prices, advice, monitors."""

import json
from dataclasses import dataclass, field
from typing import Any

ADVICE = {
    "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:resize:$LATEST",
    "functionVersion": "$LATEST",
    "accountId": "123456789012",
    "currentMemorySize": 1024,
    "finding": "NotOptimized",
    "findingReasonCodes": ["MemoryOverprovisioned"],
    "memorySizeRecommendationOptions": [
        {"rank": 2, "memorySize": 512},
        {
            "rank": 1,
            "memorySize": 256,
            "savingsOpportunity": {
                "savingsOpportunityPercentage": 60.0,
                "estimatedMonthlySavings": {"currency": "USD", "value": 7.254},
            },
        },
    ],
}


def product(usd: str, unit: str, **attributes: str) -> str:
    """An entry of a price list, as the Price List API gives it: text."""
    sku, term, rate = "WQGC34PB2AWS8R4U", "JRTCKXETXF", "6YS6EN2CT7"
    price = {
        "unit": unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": "",
        "appliesTo": [],
        "rateCode": f"{sku}.{term}.{rate}",
        "pricePerUnit": {"USD": usd},
    }
    return json.dumps(
        {
            "product": {"productFamily": "Storage", "attributes": attributes, "sku": sku},
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {
                    f"{sku}.{term}": {
                        "priceDimensions": {f"{sku}.{term}.{rate}": price},
                        "sku": sku,
                        "effectiveDate": "2026-11-01T00:00:00Z",
                        "offerTermCode": term,
                        "termAttributes": {},
                    }
                }
            },
            "version": "20261120180000",
            "publicationDate": "2026-11-20T18:00:00Z",
        }
    )


@dataclass
class Answers:
    """metrics: values by namespace, name and what the dimensions name, "/" between them."""

    metrics: dict[tuple[str, str, str], Any] = field(default_factory=dict[Any, Any])
    page: int = 1000
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    products: list[str] = field(default_factory=list[str])
    filters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    advice: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, Any])
    enrolled: bool = True
    monitors: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    monitors_asked: int = 0

    def get_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(params)
        assert len(params["MetricDataQueries"]) <= 500
        start = int(params.get("NextToken", 0))
        results: list[dict[str, Any]] = []
        more = False
        for query in params["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            about = "/".join(sorted(d["Value"] for d in metric["Dimensions"]))
            values = self.metrics.get((metric["Namespace"], metric["MetricName"], about), [])
            state = values if isinstance(values, str) else "Complete"
            values = [] if isinstance(values, str) else values
            more |= len(values) > start + self.page
            part = values[start : start + self.page]
            results.append({"Id": query["Id"], "StatusCode": state, "Values": part})
        token = {"NextToken": str(start + self.page)} if more else {}
        return {"MetricDataResults": results, "Messages": [], **token}

    def get_products(self, params: dict[str, Any]) -> dict[str, Any]:
        self.filters.append(params)
        return {"FormatVersion": "aws_v1", "PriceList": self.products}
