"""python -m bench.servers: unpack them."""

from bench.servers.unpack import main

main()
