"""`python -m weft`, which `torchrun -m weft` needs."""

from weft.cli import main

main()
