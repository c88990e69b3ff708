"""Stores to test: a folder, and a bucket of an S3-compatible server.

The server is the stand-in, or another one where FILING_GATE_TEST_S3 names its endpoint (moto, MinIO, Garage, …).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.evidence.store import EvidenceStore
from oracle.store.evidence_place import open_evidence
from tests.standin.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "evidence-of-tests"


@pytest.fixture
def s3_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of the stand-in, and none of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with S3Server(BUCKET) as server:
        yield server


@pytest.fixture
def s3_place(s3_server: S3Server, s3_environment: None) -> Iterator[str]:
    """The address of a prefix that no other test uses."""
    s3_server.fault = None
    endpoint = os.environ.get("FILING_GATE_TEST_S3")
    if endpoint is not None:
        import boto3

        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/{uuid.uuid4().hex}?endpoint={endpoint or s3_server.endpoint}"
    s3_server.fault = None


@pytest.fixture
def folder_store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


@pytest.fixture(params=("folder", "s3"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceStore:
    """Each backend in turn."""
    place = tmp_path / "evidence" if request.param == "folder" else request.getfixturevalue("s3_place")
    return open_evidence(place)
