"""The requests to one bucket, with bounded retries and errors as OSError."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any, BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from urllib3.exceptions import HTTPError

from voxport.storage.base import FileInfo, StorageUnavailable
from voxport.storage.config import S3Options
from voxport.storage.s3.connection import MAX_ATTEMPTS, connect
from voxport.storage.s3.presigner import Presigner

_READ_BYTES: Final = 1 << 20
_MARK: Final = "voxport"
"""The metadata that the gateway's own writes carry, and those of clients can't."""
_MISSING: Final = {"404", "NoSuchKey", "NotFound"}
_EXISTS: Final = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_NO_CONDITIONS: Final = {"501", "NotImplemented"}


class Bucket:
    """Sends the requests to a bucket. Full keys, with the prefix. Methods raise FileNotFoundError and
    StorageUnavailable."""

    def __init__(self, name: str, options: S3Options) -> None:
        self.name = name
        connection = connect(options)
        self._client = connection.client
        endpoint = options.public_endpoint_url or connection.client.meta.endpoint_url
        region = connection.client.meta.region_name
        self.presigner = Presigner(connection.credentials, region, endpoint, name, connection.addressing_style)

    def put(self, key: str, body: bytes | bytearray | IO[bytes], *, write_id: str, is_new: bool = False) -> None:
        """Writes an object by one request. With `is_new`, raises FileExistsError if one exists and the service can
        tell; `write_id` recognises a write that was repeated after a lost response."""
        values = {"Key": key, "Body": body, "Metadata": {_MARK: write_id}}
        self._write("put_object", values, is_new=is_new, write_id=write_id)

    def head(self, key: str) -> FileInfo | None:
        try:
            return _info(key, self._call("head_object", Key=key))
        except FileNotFoundError:
            return None

    def age(self, key: str) -> float | None:
        """Returns the seconds since an object was written, by the clock of the service. None if it does not exist."""
        try:
            found = self._call("head_object", Key=key)
        except FileNotFoundError:
            return None
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        modified: datetime = found["LastModified"]
        return (now - modified).total_seconds()

    def open(self, key: str) -> BinaryIO:
        """Opens an object for reading; a download that breaks off is continued."""
        return cast(BinaryIO, io.BufferedReader(_ObjectReader(self, key, self.get(key)), _READ_BYTES))

    def get(self, key: str, *, offset: int = 0, etag: str | None = None) -> Any:
        """Returns the response of a GET, from an offset in bytes, whose `Body` is read and closed by the caller."""
        condition = {} if etag is None else {"IfMatch": etag}
        return self._call("get_object", Key=key, **({"Range": f"bytes={offset}-"} if offset else {}), **condition)

    def delete(self, key: str) -> None:
        self._call("delete_object", Key=key)

    def scan(self, prefix: str) -> Iterator[FileInfo]:
        """Yields the objects under a prefix, in the order of their keys: one request for a thousand."""
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, **token)
            for one in page.get("Contents", []):
                yield FileInfo(one["Key"], one["Size"], _seconds(one["LastModified"]))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def copy(self, source: str, target: str, *, write_id: str) -> None:
        """Copies an object of at most 5 GB in the service."""
        self._call(
            "copy_object",
            Key=target,
            CopySource={"Bucket": self.name, "Key": source},
            MetadataDirective="REPLACE",
            Metadata={_MARK: write_id},
        )

    def begin_multipart(self, key: str, *, write_id: str) -> str:
        """Returns the id of a new multipart upload."""
        upload_id: str = self._call("create_multipart_upload", Key=key, Metadata={_MARK: write_id})["UploadId"]
        return upload_id

    def put_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray) -> str:
        """Writes a part (from 1) and returns its ETag."""
        etag: str = self._call("upload_part", Key=key, UploadId=upload_id, PartNumber=number, Body=body)["ETag"]
        return etag

    def copy_part(self, source: str, key: str, upload_id: str, number: int, first: int, last: int) -> str:
        """Copies the bytes from `first` to `last` (included) into a part and returns its ETag."""
        done = self._call(
            "upload_part_copy",
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": self.name, "Key": source},
            CopySourceRange=f"bytes={first}-{last}",
        )
        etag: str = done["CopyPartResult"].get("ETag", "")
        return etag

    def complete_multipart(
        self, key: str, upload_id: str, etags: list[str], *, write_id: str, is_new: bool = False
    ) -> None:
        """Joins the parts. Raises FileExistsError as `put` does."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        values = {"Key": key, "UploadId": upload_id, "MultipartUpload": {"Parts": parts}}
        self._write("complete_multipart_upload", values, is_new=is_new, write_id=write_id)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Discards an unfinished upload, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self._call("abort_multipart_upload", Key=key, UploadId=upload_id)

    def multiparts(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        """Yields the key, the id and the begin of each unfinished multipart upload."""
        marker: dict[str, str] = {}
        while True:
            try:
                page = self._call("list_multipart_uploads", Prefix=prefix, **marker)
            except FileNotFoundError:  # rclone's answer where there was never any
                return
            for one in page.get("Uploads", []):
                yield one["Key"], one["UploadId"], one["Initiated"]
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def _write(self, operation: str, values: dict[str, Any], *, is_new: bool, write_id: str) -> None:
        try:
            self._call(operation, **values, **({"IfNoneMatch": "*"} if is_new else {}))
        except _Refused as error:
            if error.code in _NO_CONDITIONS and is_new:
                self._write(operation, values, is_new=False, write_id=write_id)
            elif error.code not in _EXISTS:
                raise
            elif not self._is_written(values["Key"], write_id):
                raise FileExistsError(values["Key"]) from None
        except FileNotFoundError:
            # The upload is unknown: it was joined by a request whose response was lost, or discarded.
            if not self._is_written(values["Key"], write_id):
                raise StorageUnavailable(f"S3 {operation}: the upload is gone") from None

    def _is_written(self, key: str, write_id: str) -> bool:
        try:
            found = self._call("head_object", Key=key)
        except FileNotFoundError:
            return False
        return _metadata(found).get(_MARK) == write_id

    def _call(self, operation: str, **values: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self.name, **values)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING or code == "NoSuchUpload":
                raise FileNotFoundError(values.get("Key", self.name)) from None
            raise _Refused(operation, code, str(error)) from error
        except (BotoCoreError, HTTPClientError) as error:
            raise StorageUnavailable(f"S3 {operation}: {type(error).__name__}") from error


class _Refused(StorageUnavailable):
    """The service answered with an error."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"S3 {operation}: {code or message}")
        self.code = code


class _ObjectReader(io.RawIOBase):
    """Reads an object from its start. After a broken connection, continues with the next byte of the same version."""

    def __init__(self, bucket: Bucket, key: str, response: Any) -> None:
        self._bucket = bucket
        self._key = key
        self._position = 0
        self._failures = 0
        self._body = response["Body"]
        self._size: int = response["ContentLength"]
        self._etag: str = response["ETag"]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                data = self._body.read(len(buffer))
                if not data and self._position < self._size:
                    raise HTTPError("the connection ended early")
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
                self._failures += 1
                self._body.close()
                if self._failures >= MAX_ATTEMPTS:
                    raise StorageUnavailable(f"S3 get_object: {type(error).__name__}") from error
                self._body = self._bucket.get(self._key, offset=self._position, etag=self._etag)["Body"]

    def close(self) -> None:
        self._body.close()
        super().close()


def _info(key: str, found: Any) -> FileInfo:
    return FileInfo(
        key,
        found["ContentLength"],
        _seconds(found["LastModified"]),
        found.get("ContentType"),
        _MARK not in _metadata(found),
    )


def _seconds(moment: datetime) -> datetime:
    """Returns a time of the service in UTC, in whole seconds: some listings have milliseconds, a HEAD never."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _metadata(found: Any) -> dict[str, str]:
    """Returns an object's metadata, whose names some services capitalise."""
    return {name.lower(): value for name, value in found.get("Metadata", {}).items()}
