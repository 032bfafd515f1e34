"""AWS's own example: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "PUT Object"."""

from __future__ import annotations

from datetime import UTC, datetime

from proxy.sinks.signing import Credentials, quoted, signed
from proxy.types import Secret

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
MAY_24 = datetime(2013, 5, 24, tzinfo=UTC).timestamp()


def test_an_object_is_signed_as_amazon_signs_it() -> None:
    url = f"https://examplebucket.s3.amazonaws.com/{quoted('test$file.text')}"
    headers = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    lines = signed("PUT", url, b"Welcome to Amazon S3.", headers, EXAMPLE, "us-east-1", MAY_24)
    assert lines["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_a_session_of_a_role_is_part_of_it() -> None:
    who = Credentials("a", Secret("b"), Secret("session"))
    lines = signed("PUT", "https://h/x", b"", {}, who, "r", MAY_24)
    assert lines["x-amz-security-token"] == "session"
    assert "x-amz-security-token" in lines["authorization"]
