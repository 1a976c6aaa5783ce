"""Signatures as AWS publishes them: its test suite for Signature Version 4, and its library where it is installed."""

from datetime import UTC, datetime

import pytest

from eval_assets.providers.http.aws_signature import Credentials, Scope, signed_headers

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = Scope("us-east-1", "service")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

HOST = "host;x-amz-date"
# Name in the suite → method, path, headers, body, the headers that are signed, the signature.
SUITE = {
    "get-vanilla": ("GET", "/", {}, b"", HOST, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "post-vanilla": ("POST", "/", {}, b"", HOST, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "get-vanilla-query-order-key-case": (
        *("GET", "/?Param2=value2&Param1=value1", {}, b"", HOST),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-x-www-form-urlencoded": (
        *("POST", "/", FORM, b"Param1=value1", "content-type;host;x-amz-date"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


@pytest.mark.parametrize("name", SUITE)
def test_a_signature_is_the_one_that_aws_publishes(name):
    method, path, headers, body, names, signature = SUITE[name]
    url = f"https://example.amazonaws.com{path}"
    signed = signed_headers(method, url, headers, body, credentials=CREDENTIALS, scope=SCOPE, at=AT)
    assert signed == {
        "x-amz-date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}",
    }


def test_another_moment_body_or_token_is_another_signature():
    def signature(body=b"{}", at=AT, credentials=CREDENTIALS):
        url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3%3A0/invoke"
        return signed_headers("POST", url, FORM, body, credentials=credentials, scope=SCOPE, at=at)["Authorization"]

    others = [
        signature(b"[]"),
        signature(at=AT.replace(minute=37)),
        signature(credentials=CREDENTIALS._replace(session_token="token")),
    ]
    assert len({signature(), *others}) == 4
    assert "x-amz-security-token" in others[2]


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("path", ["/", "/model/us.anthropic.claude-3%3A0/invoke", "/v1/messages?b=2&a=1&c=x%20y"])
def test_awss_own_library_signs_alike(path, token):
    auth = pytest.importorskip("botocore.auth", reason="botocore isn't installed: it is no dependency")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as TheirCredentials

    url, body = f"https://bedrock-runtime.us-east-1.amazonaws.com{path}", b'{"max_tokens": 9}'
    theirs = AWSRequest(method="POST", url=url, headers={"Content-Type": "application/json"}, data=body)
    auth.SigV4Auth(TheirCredentials(*CREDENTIALS[:2], token), "bedrock", "us-east-1").add_auth(theirs)
    at = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed_headers(
        "POST",
        url,
        {"Content-Type": "application/json"},
        body,
        credentials=CREDENTIALS._replace(session_token=token),
        scope=Scope("us-east-1", "bedrock"),
        at=at,
    )
    assert ours["Authorization"] == theirs.headers["Authorization"]
