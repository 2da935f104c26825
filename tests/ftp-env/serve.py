"""An FTP server with MLSD. Run: serve.py PORT FOLDER [CERTIFICATE]; with one, TLS is demanded."""

from __future__ import annotations

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

if __name__ == "__main__":
    port, folder, *certificate = sys.argv[1:]
    people = DummyAuthorizer()
    people.add_user("me", "s3cret", folder, perm="elradfmwMT")
    handler = FTPHandler
    if certificate:
        handler = TLS_FTPHandler
        handler.certfile = certificate[0]
        handler.tls_control_required = handler.tls_data_required = True
    handler.authorizer = people
    ThreadedFTPServer(("127.0.0.1", int(port)), handler).serve_forever()
