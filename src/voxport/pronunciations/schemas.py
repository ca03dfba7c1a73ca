"""Bodies of pronunciation dictionaries."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from voxport.clock import iso
from voxport.pronunciations.models import PronunciationDictionary
from voxport.pronunciations.service import MAX_RULES, rules_from_json
from voxport.text.ipa import MAX_LENGTH
from voxport.text.pronunciation import Rule
from voxport.web.schemas import RequestBody, Success

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_XML_TEXT: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*$"
"""What a file of PLS can hold (XML 1.0, section 2.2)."""


class RuleBody(RequestBody):
    """Whole words are matched, the longest first."""

    match: str = Field(
        min_length=1, max_length=100, pattern=_XML_TEXT, description="The words that are read otherwise."
    )
    alias: Annotated[
        str | None,
        Field(
            max_length=200,
            pattern=_XML_TEXT,
            exclude_if=lambda value: value is None,
            description="What is read instead.",
        ),
    ] = None
    ipa: Annotated[
        str | None,
        Field(max_length=MAX_LENGTH, exclude_if=lambda value: value is None, description="How it is spoken, in IPA."),
    ] = None
    case_sensitive: bool = Field(default=False, description="Whether capitals matter.")

    def rule(self) -> Rule:
        return Rule(self.match, self.alias, self.ipa, self.case_sensitive)


class NewDictionary(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Names",
                    "language": "en-us",
                    "rules": [
                        {"match": "Nguyen", "alias": "win"},
                        {"match": "Aoife", "ipa": "ˈiːfə", "case_sensitive": True},
                    ],
                }
            ]
        }
    )

    name: str = Field(min_length=1, max_length=200, pattern=_LINE, description="What you call it.")
    language: str = Field(min_length=2, max_length=32, description="The language of its words, as BCP 47.")
    rules: list[RuleBody] = Field(
        max_length=MAX_RULES, description="The rules. Of two for the same words the first is used."
    )


class DictionaryData(BaseModel):
    id: str = Field(description="What `pronunciations` of a call names.")
    name: str = Field(description="What you call it.")
    language: str = Field(description="The language, as the engine has it.")
    version: int = Field(description="Counts the changes, from 1.")
    rules: list[RuleBody] = Field(description="The rules.")
    created_at: str = Field(description="When it was made.")
    updated_at: str = Field(description="When it was changed last.")


class DictionaryBody(BaseModel):
    status: Success = "success"
    data: DictionaryData = Field(description="The dictionary.")


class DictionarySummary(BaseModel):
    id: str = Field(description="What `pronunciations` of a call names.")
    name: str = Field(description="What you call it.")
    language: str = Field(description="The language, as the engine has it.")
    version: int = Field(description="Counts the changes, from 1.")
    rule_count: int = Field(description="How many rules it has.")
    updated_at: str = Field(description="When it was changed last.")


class DictionaryList(BaseModel):
    status: Success = "success"
    data: list[DictionarySummary] = Field(description="Your dictionaries, the oldest first; 100 at most.")


class DeletedDictionaryData(BaseModel):
    id: str = Field(description="The dictionary that was deleted.")


class DeletedDictionary(BaseModel):
    status: Success = "success"
    data: DeletedDictionaryData = Field(description="What was deleted.")


def dictionary_body(row: PronunciationDictionary) -> DictionaryBody:
    rules = [
        RuleBody(match=rule.match, alias=rule.alias, ipa=rule.ipa, case_sensitive=rule.is_case_sensitive)
        for rule in rules_from_json(row.rules)
    ]
    return DictionaryBody(
        data=DictionaryData(
            id=row.id,
            name=row.name,
            language=row.language,
            version=row.version,
            rules=rules,
            created_at=iso(row.created_at),
            updated_at=iso(row.updated_at),
        )
    )


def dictionary_list(rows: list[PronunciationDictionary]) -> DictionaryList:
    return DictionaryList(
        data=[
            DictionarySummary(
                id=row.id,
                name=row.name,
                language=row.language,
                version=row.version,
                rule_count=len(row.rules),
                updated_at=iso(row.updated_at),
            )
            for row in rows
        ]
    )
