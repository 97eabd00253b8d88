"""What the policies of VPC endpoints let through. Pure."""

from stratum_pipeline.kernel.policy import Statement, allows, pinned

# Keys that hold what is reached, rather than who reaches it, to fixed owners.
OWNERS = frozenset({"aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths"})


def passes_anything(parsed: list[Statement]) -> bool:
    """Whether a policy lets any principal reach any resource, whoever owns it.

    That is what the default policy does. One that names principals, resources, or the owners
    of either by a condition, keeps somebody else's credentials or buckets out.
    """
    return any(
        "*" in statement["principals"]
        and ("*" in statement["resources"] or statement["not_resource"])
        and not pinned(statement)
        and not pinned(statement, OWNERS)
        for statement in allows(parsed)
    )
