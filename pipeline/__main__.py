"""`python -m pipeline`: the command line."""

import sys

from pipeline.cli.main import main
from pipeline.threads import wait_politely

if __name__ == "__main__":
    wait_politely()
    sys.exit(main(sys.argv[1:]))
