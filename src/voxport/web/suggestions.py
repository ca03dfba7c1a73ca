"""Suggests the body field or path that a caller most likely meant by an unknown one."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Iterator, Sequence

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute, Match

_MAX_CHARACTERS = 64  # of a name that is compared
_MAX_PATH_CHARACTERS = 256
_FIELD_CUTOFF = 0.75
_PATH_CUTOFF = 0.85
_PREFIXES = ("/v1/proxy", "/v1", "/v2", "/v2/billing", "")

# Maps names that other APIs use to the fields they can mean here; the first one that the body has is suggested.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    wrong: right
    for right, names in {
        ("audioUrl",): "audio url uri file fileurl source sourceurl sample sampleurl audiofile publicurl uploadurl "
        "mediaurl link inputurl voicesample",
        ("text",): "input content prompt message sentence transcript script inputtext ssml",
        ("voice_id",): "voice voicename speaker speakerid usedvoiceid clonedvoiceid voiceuuid",
        ("provider",): "model modelid engine vendor backend modelname",
        ("output_format",): "format responseformat audioformat outputtype encoding codec extension container",
        ("language",): "lang locale languagecode langcode targetlanguage",
        ("voice_settings.speed",): "rate speakingrate speechrate tempo pace velocity",
        ("voice_settings.similarity_boost",): "similarity boost clarity",
        ("voice_settings",): "settings voiceconfig voiceoptions options voicesetting",
        ("webhook_url",): "webhook callback callbackurl notifyurl notificationurl hook hookurl",
        ("stream",): "streaming isstream streamed",
        ("folder_id",): "folder label directory project projectid",
        ("content_type",): "mimetype mime type contenttype filetype",
        ("filename",): "file filepath name originalname",
        ("size_bytes",): "size bytes length filesize contentlength",
        ("media_type",): "kind type mediakind",
        ("name",): "title voicename displayname label",
        ("description",): "note notes comment summary",
        ("tags",): "labels keywords",
        ("consent",): "consentgiven hasconsent agreement permission",
        ("below",): "threshold limit minimum amount",
    }.items()
    for wrong in names.split()
}
for _right, _names in {
    ("audioUrl", "webhook_url"): "url uri link",
    ("audioUrl", "filename"): "file",
    ("voice_id", "name"): "voicename",
    ("content_type", "media_type"): "type",
    ("folder_id", "name", "tags"): "label",
}.items():
    _SYNONYMS.update(dict.fromkeys(_names.split(), _right))


def suggest_field(model: type[BaseModel] | None, location: Sequence[str | int]) -> str | None:
    """Return the field of `model`, as a dotted path, that the unknown one at `location` (names from the body's top)
    most likely means; None if nothing is similar. Recognizes another case or other separators, names that other APIs
    use, fields one level too high or too low, and typos of a letter or two."""
    if model is None or not location:
        return None
    wrong = _normalize(str(location[-1]))
    paths = list(_field_paths(model))
    here = ".".join(str(part) for part in location[:-1])
    # A field of the same object comes before one of the same name elsewhere.
    paths.sort(key=lambda path: path.rpartition(".")[0] != here)
    for path in paths:
        if _normalize(path.rpartition(".")[2]) == wrong or _normalize(path) == wrong:
            return path
    for path in _SYNONYMS.get(wrong, ()):
        if path in paths:
            return path
    return _closest(wrong, {_normalize(path.rpartition(".")[2]): path for path in reversed(paths)}, _FIELD_CUTOFF)


def suggest_path(all_routes: Iterable[BaseRoute], path: str) -> str | None:
    """Return the route path, as in the OpenAPI document, that an unknown path most likely means; None if nothing is
    similar."""
    if len(path) > _MAX_PATH_CHARACTERS:
        return None
    routes = [route for route in all_routes if isinstance(route, APIRoute) and route.include_in_schema]
    clean = re.sub(r"/+", "/", "/" + path.strip("/"))
    for candidate in dict.fromkeys((clean, clean.lower(), clean.replace("_", "-"))):
        if (found := _matching(routes, candidate)) is not None:
            return found
    # Try the path with another version or none, and with or without `proxy`.
    tail = re.sub(r"^/(?:api(?=/|$)/?)?(?:v\d+(?=/|$)/?)?(?:proxy(?=/|$)/?)?", "/", clean.lower().replace("_", "-"))
    if tail == "/":
        return None
    for prefix in _PREFIXES:
        if (found := _matching(routes, prefix + tail)) is not None:
            return found
    whole = {route.path: route.path for route in routes if "{" not in route.path}
    last = {path.rpartition("/")[2]: path for path in whole}
    return _closest(clean.lower(), whole, _PATH_CUTOFF) or _closest(tail[1:], last, _PATH_CUTOFF)


def _matching(routes: Iterable[APIRoute], path: str) -> str | None:
    for route in routes:
        scope = {"type": "http", "path": path, "method": min(route.methods or {"GET"}), "headers": []}
        if route.matches(scope)[0] is Match.FULL:
            return route.path_format
    return None


def _field_paths(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the fields of a body and of the objects in it, as dotted paths of their JSON names."""
    for name, info in model.model_fields.items():
        path = above + (info.alias or name)
        yield path
        for part in (info.annotation, *typing.get_args(info.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _field_paths(part, f"{path}.")


def _normalize(name: str) -> str:
    """Return the name in lower case, without separators."""
    return re.sub(r"[^a-z0-9.]", "", name[:_MAX_CHARACTERS].lower())


def _closest(wrong: str, names: dict[str, str], cutoff: float) -> str | None:
    found = difflib.get_close_matches(wrong[:_MAX_PATH_CHARACTERS], names, 1, cutoff)
    return names[found[0]] if found else None
