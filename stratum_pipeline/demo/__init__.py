"""The demonstration organization: an emulated AWS Organization with planted faults.

    with demo.serve() as organization:
        scan(environment=organization.credentials)
        assert found == organization.truth

What is planted is in truth/ (misconfigurations) and faults.csv (calls that fail); what
surrounds it is in estate.py. Two starts give the same organization.
"""

from .server import Organization, serve

SECRETS = ("AKIAIOSFODNN7EXAMPLE", "AKIA2E0A8F3B244C9986")
"""Planted in user data, environment variables and documents; they open nothing."""

__all__ = ["SECRETS", "Organization", "serve"]
