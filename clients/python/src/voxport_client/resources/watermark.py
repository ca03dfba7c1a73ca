"""`client.watermark`."""

from __future__ import annotations

from voxport_client.models.media import Detection
from voxport_client.resources.media import AsyncMedia, Media
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data
from voxport_client.transport.sync_transport import Transport
from voxport_client.transport.uploads import AudioSource


def _detect(audio_url: str) -> Call[Detection]:
    return Call("POST", "/v1/watermark/detect", parse_data(Detection), body={"audioUrl": audio_url})


class Watermark:
    def __init__(self, transport: Transport, media: Media) -> None:
        self._transport = transport
        self._media = media

    def detect(self, audio: AudioSource) -> Detection:
        """Whether audio was made by the local engine of a Voxport: a path, bytes, an open binary file, or an `http(s)`
        URL. Free."""
        url = self._media.url_of(audio)
        return self._transport.send(_detect(url))


class AsyncWatermark:
    def __init__(self, transport: AsyncTransport, media: AsyncMedia) -> None:
        self._transport = transport
        self._media = media

    async def detect(self, audio: AudioSource) -> Detection:
        """Whether audio was made by the local engine of a Voxport: a path, bytes, an open binary file, or an `http(s)`
        URL. Free."""
        url = await self._media.url_of(audio)
        return await self._transport.send(_detect(url))
