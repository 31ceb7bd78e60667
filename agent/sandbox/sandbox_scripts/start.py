"""Start `runner.py`, from bytecode where that exists."""

import os
import sys

# `-I` leaves the script's own folder out of the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import runner

runner.main()
# Python's own clean-up is not needed: the sandbox ends with this process.
os._exit(0)
