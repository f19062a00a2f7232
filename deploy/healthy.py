"""Whether a service answers, for a container's health check: exit code 0 or 1.

The image holds no curl: what is not there needs no updates.
"""

import sys
from urllib.error import URLError
from urllib.request import urlopen

TIMEOUT_SECONDS = 2


def main(port: str) -> int:
    """Return 0 when /healthz of `port` answers with success, else 1."""
    try:
        with urlopen(f"http://127.0.0.1:{int(port)}/healthz", timeout=TIMEOUT_SECONDS):
            return 0
    except (URLError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
