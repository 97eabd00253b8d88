"""`python -m stratum_pipeline.demo [accounts] [port]`: serve until interrupted."""

import signal
import sys
from contextlib import suppress

from . import serve


def main(arguments: list[str]) -> None:
    """Print the environment to export, then wait."""
    accounts, port = (int(argument) for argument in [*arguments, "0", "0"][:2])
    with suppress(KeyboardInterrupt), serve(accounts or None, port) as organization:
        environment = {"STRATUM_EXTERNAL_ID": organization.external_id}
        for name, value in (organization.credentials | environment).items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.write(
            f"# {len(organization.accounts)} accounts, {len(organization.truth)} planted "
            f"misconfigurations, {len(organization.faults)} faults; "
            f"process {organization.pid}; stop: Ctrl-C\n"
        )
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
