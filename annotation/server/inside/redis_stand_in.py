"""A Redis for one machine, in memory, behind a socket file that only its owner can reach.

    python -m inside.redis_stand_in SOCKET

Argilla's queue holds pickled jobs, so whoever may write to it runs code as its worker: hence a file and no port. Its
folder stays when this ends, however it ends: nobody else can make one in its place, and it is started again there.
"""

import itertools
import os
import socket
import sys
from pathlib import Path
from typing import Any

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler
from redis.exceptions import ConnectionError, RedisError


class Answering(TCPFakeRequestHandler):
    """A client's connection, which goes on after an error; fakeredis hangs up, while the next command is on its way.

    rq asks for INFO, which fakeredis does not know, before it does anything else.
    """

    def setup(self) -> None:
        super().setup()
        read = self.current_client.read_response

        def answered(*arguments: Any, **options: Any) -> Any:
            try:
                return read(*arguments, **options)
            except ConnectionError:
                raise
            except RedisError as error:
                return error

        self.current_client.read_response = answered


class StandIn(TcpFakeServer):
    """fakeredis's server on a socket file. It tells clients apart by their addresses, which it therefore makes up."""

    address_family = socket.AF_UNIX

    def __init__(self, path: str) -> None:
        self._numbers = itertools.count()
        super().__init__(path, server_type="redis")
        self.RequestHandlerClass = Answering
        self.daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("client", next(self._numbers))


def main(path: str) -> None:
    Path(path).unlink(missing_ok=True)
    os.umask(0o077)
    StandIn(path).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
