"""An object store on loopback that speaks S3: it counts what it is asked, and fails, dawdles or lies on demand.

    with LoopbackS3() as store:
        warehouse = Warehouse("s3://lake/w", store.options)
        store.fail_next(3)          # the next three requests are answered with 503
        assert store.n_requests < 100

It runs in a process of its own: delta-rs keeps the interpreter's lock while it waits for some of its answers.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DATE = "Sat, 28 Nov 2026 12:00:00 GMT"
ISO_DATE = "2026-11-28T12:00:00.000Z"
CONTROL = "_control"


class LoopbackS3:
    """One store with any number of buckets, none of which has to be made first.

    Args:
        latency_seconds: Before each answer.
        conditions: `ignored`: conditional writes always succeed; `refused`: they are answered with 501.
    """

    def __init__(self, *, latency_seconds: float = 0.0, conditions: str = "kept") -> None:
        command = [sys.executable, "-m", "tests.loopback_s3", "--latency", str(latency_seconds)]
        self._process = subprocess.Popen(
            [*command, "--conditions", conditions],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def options(self) -> dict[str, str]:
        return self.options_of(self.url)

    @staticmethod
    def options_of(url: str) -> dict[str, str]:
        """Storage options for a server, as delta-rs names them."""
        return {
            "aws_endpoint_url": url,
            "aws_access_key_id": "none",
            "aws_secret_access_key": "none",
            "aws_region": "us-east-1",
            "aws_allow_http": "true",
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables that every library reads."""
        return {name.upper(): value for name, value in self.options.items()}

    @property
    def asked(self) -> dict[str, int]:
        """Method and kind of object → how often."""
        return self._control("asked=1")

    @property
    def trail(self) -> list[str]:
        """Every request in order, as method and address."""
        return self._control("trail=1")

    @property
    def n_requests(self) -> int:
        return sum(self.asked.values())

    def fail_next(self, n: int) -> None:
        """Answer so many requests with 503."""
        self._control(f"fail={n}")

    def drop_next(self, n: int) -> None:
        """Do as so many conditional writes say, and answer with 503 all the same."""
        self._control(f"drop={n}")

    def names(self, prefix: str = "") -> list[str]:
        """Bucket and key of all objects."""
        return [key for key in self._control("keys=1") if key.startswith(prefix)]

    def _control(self, query: str) -> Any:
        with urlopen(f"{self.url}/{CONTROL}?{query}") as said:  # noqa: S310  loopback
            return json.load(said)


class Store:
    """What the process holds."""

    def __init__(self, latency_seconds: float, conditions: str) -> None:
        self.latency_seconds, self.conditions = latency_seconds, conditions
        self.objects: dict[str, bytes] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.trail: list[str] = []
        self.lock = threading.Lock()
        self.n_to_fail = self.n_to_drop = 0
        self._uploads: dict[str, dict[int, bytes]] = {}

    def is_failing(self) -> bool:
        with self.lock:
            is_failing = self.n_to_fail > 0
            self.n_to_fail -= is_failing
            return is_failing

    def keys(self, prefix: str = "") -> list[str]:
        with self.lock:
            return sorted(key for key in self.objects if key.startswith(prefix))

    def controlled(self, query: dict[str, str]) -> Any:
        if "fail" in query:
            self.n_to_fail = int(query["fail"])
        if "drop" in query:
            self.n_to_drop = int(query["drop"])
        if "trail" in query:
            return self.trail
        if "asked" in query:
            return {f"{method} {kind}": n for (method, kind), n in sorted(self.asked.items())}
        return self.keys()

    def begin_upload(self) -> str:
        upload = uuid.uuid4().hex
        self._uploads[upload] = {}
        return upload

    def add_part(self, upload: str, number: int, body: bytes) -> None:
        self._uploads[upload][number] = body

    def end_upload(self, upload: str) -> bytes:
        return b"".join(part for _, part in sorted(self._uploads.pop(upload).items()))


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        key, query = self._begin()
        if key == CONTROL:
            self._answer(200, json.dumps(self.store.controlled(query)).encode())
        elif self._is_refused(key, "list" if "list-type" in query else _kind(key)):
            pass
        elif "list-type" in query:
            self._list(key, query)
        else:
            self._read(key, is_whole=True)

    def do_HEAD(self) -> None:
        key, _ = self._begin()
        if not self._is_refused(key, _kind(key)):
            self._read(key, is_whole=False)

    def do_PUT(self) -> None:
        key, query = self._begin()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("x-amz-content-sha256", "").startswith("STREAMING"):
            body = _unchunked(body)
        if self._is_refused(key, _kind(key)):
            return
        if "uploadId" in query:
            self.store.add_part(query["uploadId"], int(query["partNumber"]), body)
            self._answer(200, headers={"ETag": etag(body)})
        else:
            self._write(key, body)

    def do_POST(self) -> None:
        key, query = self._begin()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._is_refused(key, "delete" if "delete" in query else _kind(key)):
            return
        if "delete" in query:
            bucket = key.partition("/")[0]
            named = ET.fromstring(body).iter()  # noqa: S314  from our own client
            names = [found.text or "" for found in named if found.tag.endswith("Key")]
            with self.store.lock:
                for name in names:
                    self.store.objects.pop(f"{bucket}/{name}", None)
            deleted = "".join(f"<Deleted><Key>{escape(name)}</Key></Deleted>" for name in names)
            self._answer(200, f'<DeleteResult xmlns="{NAMESPACE}">{deleted}</DeleteResult>'.encode())
        elif "uploads" in query:
            upload = self.store.begin_upload()
            self._xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        else:
            self._write(key, self.store.end_upload(query["uploadId"]), "CompleteMultipartUploadResult")

    def do_DELETE(self) -> None:
        key, _ = self._begin()
        if not self._is_refused(key, _kind(key)):
            with self.store.lock:
                self.store.objects.pop(key, None)
            self._answer(204)

    def _begin(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return unquote(parts.path).strip("/"), query

    def _is_refused(self, key: str, kind: str) -> bool:
        with self.store.lock:
            self.store.asked[self.command, kind] += 1
            self.store.trail.append(f"{self.command} {self.path}")
        time.sleep(self.store.latency_seconds)
        if self.store.is_failing():
            self._answer(503, b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>")
            return True
        return False

    def _read(self, key: str, *, is_whole: bool) -> None:
        with self.store.lock:
            body = self.store.objects.get(key)
        if body is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>" if is_whole else b"")
            return
        headers = {"ETag": etag(body), "Last-Modified": DATE, "Accept-Ranges": "bytes"}
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._answer(304, headers=headers)
        elif (wanted := self.headers.get("Range")) and is_whole:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, len(body) - int(last))
            end = min(int(last) + 1, len(body)) if last and first else len(body)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
            self._answer(206, body[start:end], headers)
        else:
            self._answer(200, body, headers)

    def _write(self, key: str, body: bytes, wrapped: str | None = None) -> None:
        absent, same = self.headers.get("If-None-Match"), self.headers.get("If-Match")
        if (absent or same) and self.store.conditions == "refused":
            self._answer(501, b"<Error><Code>NotImplemented</Code></Error>")
            return
        with self.store.lock:
            present = self.store.objects.get(key)
            is_met = self.store.conditions == "ignored" or (
                (present is None or absent is None)
                and (same is None or (present is not None and etag(present) == same))
            )
            if is_met:
                self.store.objects[key] = body
            is_dropped = is_met and bool(absent or same) and self.store.n_to_drop > 0
            self.store.n_to_drop -= is_dropped
        if is_dropped:
            self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        elif not is_met:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        elif wrapped:
            self._xml(wrapped, f"<ETag>{escape(etag(body))}</ETag>")
        else:
            self._answer(200, headers={"ETag": etag(body)})

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        after = query.get("start-after", "")
        found, folders = [], set()
        for key in self.store.keys(f"{bucket}/{prefix}"):
            name = key.removeprefix(f"{bucket}/")
            inner = name.removeprefix(prefix)
            if delimiter and delimiter in inner:
                folders.add(prefix + inner.partition(delimiter)[0] + delimiter)
            elif name > after:
                found.append((name, self.store.objects[key]))
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{ISO_DATE}</LastModified>"
            f"<ETag>{escape(etag(body))}</ETag><Size>{len(body)}</Size></Contents>"
            for name, body in found
        )
        shared = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)
        )
        count = f"<KeyCount>{len(found) + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>"
        self._xml("ListBucketResult", f"<Name>{escape(bucket)}</Name>{count}{contents}{shared}")

    def _xml(self, name: str, inner: str) -> None:
        self._answer(200, f'<?xml version="1.0"?><{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode())

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _unchunked(body: bytes) -> bytes:
    """What a body holds that was sent in signed chunks."""
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        found, body = found + rest[:length], rest[length + 2 :]
    return found


def _kind(key: str) -> str:
    """What kind of object a key names, for the counts."""
    if "/_delta_log/" in key:
        return "log"
    return "data" if key.endswith(".parquet") else key.rpartition("/")[0].partition("/")[2] or key


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--conditions", default="kept", choices=["kept", "ignored", "refused"])
    chosen = parser.parse_args()
    handler = type("Handler", (_Handler,), {"store": Store(chosen.latency, chosen.conditions)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201  its only output
    server.serve_forever()


if __name__ == "__main__":
    main()
