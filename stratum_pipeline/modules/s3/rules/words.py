"""What several S3 rules say alike."""

from ..inventory import SETTINGS

ALL_ON = ",".join(f"{theirs}=true" for theirs in SETTINGS.values())
POLICY_EDITOR = "S3 > Buckets > {name} > Permissions > Bucket policy > Edit"
PUT_POLICY = "aws s3api put-bucket-policy --bucket {name} --policy file://policy.json"
UNDO_POLICY = (
    "Keep the policy as it is now (`aws s3api get-bucket-policy --bucket {name}`) and put that"
    " back."
)
BLOCK_BUCKET = (
    "aws s3api put-public-access-block --bucket {name}"
    f" --public-access-block-configuration {ALL_ON}"
)
BLOCK_EDITOR = "S3 > Buckets > {name} > Permissions > Block public access (bucket settings) > Edit"
UNDO_BLOCK = (
    "Put the earlier settings back, which `aws s3api get-public-access-block --bucket {name}`"
    " shows before the change."
)
PUT_OWNERSHIP = (
    "aws s3api put-bucket-ownership-controls --bucket {name}"
    " --ownership-controls 'Rules=[{{ObjectOwnership=BucketOwnerEnforced}}]'"
)
OWNERSHIP_EDITOR = "S3 > Buckets > {name} > Permissions > Object Ownership > Edit > ACLs disabled"
UNDO_OWNERSHIP = (
    "Set object ownership back to what it was: the bucket's and the objects' ACLs were kept, and"
    " count again."
)
ENCRYPTION_EDITOR = "S3 > Buckets > {name} > Properties > Default encryption > Edit"
