"""`gs://bucket/path`: Google Cloud Storage.

Credentials as Google's libraries find them, by obstore: ``GOOGLE_APPLICATION_CREDENTIALS`` or
``GOOGLE_SERVICE_ACCOUNT`` name a file, else the login of `gcloud`, else the machine's own account.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from millrace.artifacts.cloud import PATIENCE, CloudArtifacts, opened, retries
from millrace.artifacts.location import bucket_in
from millrace.core.lazy import require
from millrace.core.settings import STORAGE_EMULATOR_HOST

if TYPE_CHECKING:
    from obstore.store import GCSConfig

    from millrace.artifacts.open import Reach


def open_gcs(uri: str, reach: Reach) -> CloudArtifacts:
    """Open a bucket; nothing is sent yet."""
    stores = require("obstore.store", extra="gcs")
    where = bucket_in(uri)
    config: GCSConfig = {}
    emulator = STORAGE_EMULATOR_HOST.get()
    if emulator:
        # The one way to give obstore another address: a key file that says so.
        nobody = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        account = {"gcs_base_url": emulator, "disable_oauth": True} | nobody
        config = {"service_account_key": json.dumps(account)}
    with opened(where):
        bucket = stores.GCSStore(
            where.authority,
            config=config,
            client_options=PATIENCE | {"allow_http": bool(emulator)},
            retry_config=retries(reach.patience_s),
        )
    return CloudArtifacts(bucket, where)
