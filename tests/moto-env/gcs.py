"""Google Cloud Storage's XML interface, as far as moto's S3 can answer it. Run: gcs.py PORT.

Whatever comes is let in: signatures and generations are not emulated.
"""

from __future__ import annotations

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_S3 = DomainDispatcherApplication(create_backend_app)
_ANYBODY = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def translated(environ, start):
    """Answer one request."""
    environ["HTTP_AUTHORIZATION"] = _ANYBODY
    environ["HTTP_HOST"] = f"127.0.0.1:{environ['SERVER_PORT']}"
    if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
        environ["HTTP_IF_NONE_MATCH"] = "*"
    if source := environ.pop("HTTP_X_GOOG_COPY_SOURCE", None):
        environ["HTTP_X_AMZ_COPY_SOURCE"] = source
    for name in [name for name in environ if name.startswith("HTTP_X_GOOG_META_")]:
        environ[name.replace("GOOG", "AMZ")] = environ.pop(name)

    def answer(status, headers, *more):
        return start(
            status,
            [(name.replace("x-amz-meta", "x-goog-meta"), value) for name, value in headers],
            *more,
        )

    return _S3(environ, answer)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), translated, threaded=True)
