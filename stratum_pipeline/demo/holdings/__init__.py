"""What accounts hold besides identities, VPCs and buckets: a file per module.

Each has `furnish(at)`, which is called for every account after `estate` has built the rest:
first what is configured well everywhere, then, by account, the exceptions of truth/<module>.csv.
"""

from . import compute, config, cost, dynamodb, lambda_, networking, rds, s3, ssm

ALL = (networking, s3, compute, rds, dynamodb, lambda_, config, ssm, cost)
