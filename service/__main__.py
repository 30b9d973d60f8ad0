"""`python -m service` is `rerankd`."""

from service.cli import main

main()
