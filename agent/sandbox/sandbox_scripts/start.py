"""Start `runner.py`, from bytecode where it exists."""

import os
import sys

# `-I` leaves the script's own folder out.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import runner

runner.main()
# Everything is said; the sandbox is gone as soon as its process 1 is, without tidying up itself.
os._exit(0)
