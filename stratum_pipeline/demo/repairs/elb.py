"""Elastic Load Balancing, and AWS WAF before it."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.elb import models as elb_models
from moto.elb.models import ELBBackend
from moto.elbv2 import models as elbv2_models
from moto.wafv2.responses import WAFV2Response

moto_create_classic: Any = ELBBackend.create_load_balancer


def apply() -> None:
    backend: Any = ELBBackend
    backend.create_load_balancer = create_classic
    for module in (elb_models, elbv2_models):
        models: Any = module
        models.register_certificate = register_certificate
    responses: Any = WAFV2Response
    responses.list_resources_for_web_acl = list_resources_for_web_acl


def register_certificate(*_: Any, **__: Any) -> None:
    """moto wants a listener's certificate in its ACM, which makes a key for each."""


def create_classic(self: Any, *args: Any, **options: Any) -> Any:
    """moto knows no zones of a classic load balancer that was given subnets."""
    balancer = moto_create_classic(self, *args, **options)
    ec2: Any = ec2_backends[self.account_id][self.region_name]
    zones = {ec2.get_subnet(subnet).availability_zone for subnet in balancer.subnets}
    balancer.availability_zones = sorted(zones)
    return balancer


def list_resources_for_web_acl(self: Any) -> ActionResult:
    """moto lacks it, though it knows the answer."""
    acl = self.wafv2_backend.wacls[self._get_param("WebACLArn")]
    return ActionResult({"ResourceArns": list(acl.associated_resources)})
