"""Bodies of upload-media, and the one field by which other bodies name a recording."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from voxport.web.schemas import LONGEST, RequestBody, Trimmed

AudioUrl = Annotated[
    str,
    Trimmed,
    Field(
        alias="audioUrl",
        min_length=1,
        max_length=LONGEST,
        description="The public_url of an upload, or any public http(s) URL of an audio or video file.",
    ),
]


class UploadRequest(RequestBody):
    media_type: Literal["audio", "video"]
    filename: str = Field(min_length=1, max_length=LONGEST, examples=["speaker.wav"])
    content_type: str = Field(min_length=1, max_length=LONGEST, examples=["audio/wav"])
    size_bytes: int | None = Field(
        default=None, ge=1, description="Where given, only a file of exactly this size is taken."
    )


class UploadData(BaseModel):
    upload_url: str
    object_key: str
    expires_in: int
    public_url: str


class UploadBody(BaseModel):
    status: Literal["success"] = "success"
    data: UploadData


Kind = Literal["upload", "speech"]


class FileRow(BaseModel):
    """A file: an upload, or speech that was made."""

    key: str
    kind: Kind
    content_type: str
    size_bytes: int
    created_at: str


class FileList(BaseModel):
    status: Literal["success"] = "success"
    data: list[FileRow]
    next_cursor: str | None


class FileData(FileRow):
    """`url` was signed just now and is good for `expires_in` seconds."""

    url: str
    expires_in: int


class FileBody(BaseModel):
    status: Literal["success"] = "success"
    data: FileData


class DeletedFile(BaseModel):
    key: str
    deleted: Literal[True] = True


class DeletedFileBody(BaseModel):
    status: Literal["success"] = "success"
    data: DeletedFile


class StoredData(BaseModel):
    object_key: str
    size_bytes: int


class StoredBody(BaseModel):
    status: Literal["success"] = "success"
    data: StoredData
