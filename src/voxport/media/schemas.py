"""Bodies of upload-media and of /v1/media, and the field by which other bodies name a recording."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from voxport.web.schemas import MAX_TEXT_LENGTH, NextCursor, RequestBody, StripWhitespace, Success

AudioUrl = Annotated[
    str,
    StripWhitespace,
    Field(
        alias="audioUrl",
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="The public_url of an upload, or any public http(s) URL of an audio or video file.",
    ),
]


class UploadRequest(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"}]
        }
    )

    media_type: Literal["audio", "video", "document"] = Field(
        description="What the file is; each kind has its own size limit (`GET /v1/catalog`). A `document` is a script "
        "or an EPUB."
    )
    filename: str = Field(
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="The file's name. It ends up in the key, made safe.",
    )
    content_type: str = Field(
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="The file's media type. The PUT sends the same one.",
    )
    size_bytes: int | None = Field(
        default=None, ge=1, description="Where given, only a file of exactly this size is taken."
    )


class UploadData(BaseModel):
    upload_url: str = Field(description="PUT the file to it, with the same `Content-Type` and without a key.")
    object_key: str = Field(description="The file's key in `/v1/media`.")
    expires_in: int = Field(description="Seconds for which both URLs are good.")
    public_url: str = Field(
        description="Reads the file once it is there: send it as `audioUrl`, that of a document as `scriptUrl`."
    )


class UploadBody(BaseModel):
    status: Success = "success"
    data: UploadData = Field(description="What was asked for.")


Kind = Literal["upload", "speech", "subtitles", "document"]


class FileRow(BaseModel):
    """A file: an upload, or speech that was made, or its subtitles, or what else a script became."""

    key: str = Field(description="The file's key.")
    kind: Kind = Field(
        description="`upload`: sent by you; `speech`: made by core-tts; `subtitles`: made beside the speech; "
        "`document`: made of a script."
    )
    content_type: str = Field(description="The file's media type.")
    size_bytes: int = Field(description="The file's size in bytes.")
    created_at: str = Field(description="When the file came, ISO 8601 in UTC.")


class FileList(BaseModel):
    status: Success = "success"
    data: list[FileRow] = Field(description="What was asked for.")
    next_cursor: NextCursor


class FileData(FileRow):
    """`url` was signed just now and is good for `expires_in` seconds."""

    url: str = Field(description="Reads the file, without a key; signed just now.")
    expires_in: int = Field(description="Seconds for which `url` is good.")


class FileBody(BaseModel):
    status: Success = "success"
    data: FileData = Field(description="What was asked for.")


class DeletedFile(BaseModel):
    key: str = Field(description="The file's key.")
    deleted: Literal[True] = Field(default=True, description="Always true.")


class DeletedFileBody(BaseModel):
    status: Success = "success"
    data: DeletedFile = Field(description="What was asked for.")


class StoredData(BaseModel):
    object_key: str = Field(description="The file's key.")
    size_bytes: int = Field(description="How many bytes were stored.")


class StoredBody(BaseModel):
    status: Success = "success"
    data: StoredData = Field(description="What was asked for.")
