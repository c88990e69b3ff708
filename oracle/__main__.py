"""`python -m oracle` is `filing-gate`."""

from oracle.cli import main

main()
