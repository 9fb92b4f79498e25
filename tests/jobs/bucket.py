"""A bucket of an S3 server on a free local port, seen with another client than xgrad's."""

from __future__ import annotations

import os
from pathlib import Path


class Bucket:
    """A bucket of an S3 server on a free local port, seen with a client that is not xgrad's."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        keys = {
            "AWS_ACCESS_KEY_ID": "AKIDNOBODY",
            "AWS_SECRET_ACCESS_KEY": "nobodys-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint}
        self.without_keys = {**os.environ, "AWS_ENDPOINT_URL": endpoint}
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="bucket")

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket="bucket", Prefix=f"{prefix}/"
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def content(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket="bucket", Key=key)["Body"].read()
        return content

    def put(self, folder: Path) -> str:
        for path in folder.rglob("*"):
            if path.is_file():
                key = str(path.relative_to(folder.parent))
                self.client.upload_file(str(path), "bucket", key)
        return f"s3://bucket/{folder.name}"

    def get(self, prefix: str, folder: Path) -> Path:
        for key in self.keys(prefix):
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self.client.download_file("bucket", key, str(path))
        return folder / prefix
