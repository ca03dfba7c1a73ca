"""GET and POST /v1/pronunciations, and GET, PUT and DELETE /v1/pronunciations/{dictionary_id}; as JSON or as PLS."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.errors import Invalid
from voxport.pronunciations.pls import CONTENT_TYPE, read_pls, write_pls
from voxport.pronunciations.schemas import (
    DeletedDictionary,
    DeletedDictionaryData,
    DictionaryBody,
    DictionaryList,
    NewDictionary,
    dictionary_body,
    dictionary_list,
)
from voxport.pronunciations.service import MAX_RULES, Pronunciations, rules_from_json
from voxport.web.dependencies import Injected

router = APIRouter(prefix="/v1/pronunciations", tags=["pronunciations"], route_class=AuthenticatedRoute)

PronunciationsDep = Injected[Pronunciations]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/NewDictionary"}},
            CONTENT_TYPE: {"schema": {"type": "string"}},
        },
    }
}
Name = Annotated[
    str | None, Query(max_length=200, description="The name of a dictionary that is sent as PLS, which has none.")
]


async def _sent(request: Request, name: Name = None) -> NewDictionary:
    """Read the body, which is JSON or PLS. Raises Invalid, RequestValidationError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        try:
            return _validated(await request.json())
        except (ValueError, RecursionError):
            raise Invalid(f"Send JSON, or PLS as {CONTENT_TYPE}.") from None
    lexicon = read_pls(await request.body())
    if len(lexicon.rules) > MAX_RULES:
        raise Invalid(f"A dictionary has at most {MAX_RULES:,} rules, and this one has {len(lexicon.rules):,}.")
    rules = [
        {"match": rule.match, "alias": rule.alias, "ipa": rule.ipa, "case_sensitive": rule.is_case_sensitive}
        for rule in lexicon.rules
    ]
    return _validated({"name": name or "Lexicon", "language": lexicon.language, "rules": rules})


def _validated(content: object) -> NewDictionary:
    """Raises RequestValidationError."""
    try:
        return NewDictionary.model_validate(content)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


Sent = Annotated[NewDictionary, Depends(_sent)]


@router.get("", summary="Your pronunciation dictionaries, without their rules")
def list_dictionaries(caller: Caller, pronunciations: PronunciationsDep) -> DictionaryList:
    return dictionary_list(list(pronunciations.list(caller.profile_id)))


@router.post("", status_code=201, summary="Another dictionary, as JSON or PLS", openapi_extra=_BODY)
def create_dictionary(sent: Sent, caller: Caller, pronunciations: PronunciationsDep) -> DictionaryBody:
    rules = [rule.rule() for rule in sent.rules]
    return dictionary_body(pronunciations.create(caller.profile_id, sent.name, sent.language, rules))


@router.get(
    "/{dictionary_id}",
    summary="A dictionary with its rules; as PLS with `Accept: application/pls+xml`",
    response_model=DictionaryBody,
    responses={200: {"content": {CONTENT_TYPE: {}}}},
)
def get_dictionary(
    dictionary_id: str, request: Request, caller: Caller, pronunciations: PronunciationsDep
) -> DictionaryBody | Response:
    row = pronunciations.get(caller.profile_id, dictionary_id)
    if CONTENT_TYPE in request.headers.get("accept", "").lower():
        return Response(write_pls(row.language, rules_from_json(row.rules)), media_type=CONTENT_TYPE)
    return dictionary_body(row)


@router.put("/{dictionary_id}", summary="Other rules: the dictionary's next version", openapi_extra=_BODY)
def replace_dictionary(
    dictionary_id: str, sent: Sent, caller: Caller, pronunciations: PronunciationsDep
) -> DictionaryBody:
    rules = [rule.rule() for rule in sent.rules]
    return dictionary_body(pronunciations.replace(caller.profile_id, dictionary_id, sent.name, sent.language, rules))


@router.delete("/{dictionary_id}", summary="Delete a dictionary")
def delete_dictionary(dictionary_id: str, caller: Caller, pronunciations: PronunciationsDep) -> DeletedDictionary:
    pronunciations.delete(caller.profile_id, dictionary_id)
    return DeletedDictionary(data=DeletedDictionaryData(id=dictionary_id))
