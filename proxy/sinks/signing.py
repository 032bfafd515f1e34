"""AWS's signature of a request, version 4.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import msgspec

from proxy.types import Secret


class Credentials(msgspec.Struct, frozen=True):
    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


def signed(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    who: Credentials,
    region: str,
    now_unix_s: float,
) -> dict[str, str]:
    """`headers` with those that the signature adds. Names are lower-case; `url` has no query."""
    moment = datetime.fromtimestamp(now_unix_s, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    parts = urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    lines = {**headers, "host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if who.session_token is not None:
        lines["x-amz-security-token"] = who.session_token.reveal()
    names = ";".join(sorted(lines))
    canonical = "\n".join(
        (
            method,
            parts.path or "/",
            "",
            *(f"{name}:{lines[name].strip()}" for name in sorted(lines)),
            "",
            names,
            digest,
        )
    )
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{who.secret_access_key.reveal()}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.digest(key, to_sign.encode(), hashlib.sha256).hex()
    lines["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access_key_id}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return lines


def quoted(path: str) -> str:
    """A key of the bucket, as it stands in the URL: S3 does not encode slashes."""
    return quote(path, safe="/~")
