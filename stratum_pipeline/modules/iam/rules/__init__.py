"""What must hold of identities: a file per kind."""

from . import account, outside, policies, roles, users

RULES = account.RULES + users.RULES + roles.RULES + policies.RULES + outside.RULES
