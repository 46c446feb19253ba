"""`python -m benchmark` is `fmn`."""

from benchmark.cli import main

main()
