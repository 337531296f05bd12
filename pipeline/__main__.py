"""`python -m pipeline`: the command line."""

import sys

from pipeline.cli.main import main
from pipeline.memory import keep_freed_memory
from pipeline.threads import wait_politely

if __name__ == "__main__":
    wait_politely()
    keep_freed_memory()
    sys.exit(main(sys.argv[1:]))
