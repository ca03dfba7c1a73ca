"""Detects a text that is clearly in another language than the one it is spoken in.

It compares function words, which make up a third of any prose: those that only the other language has against those
that only the expected language has. Short and mixed texts are left undecided.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_MIN_WORDS: Final = 5
"""Minimum words of a text that is judged."""
_MIN_HITS: Final = 3
"""Minimum function words of the other language; at least two of them must be different."""
_MIN_SHARE: Final = 0.2
"""Minimum share of the words that are such function words."""
_MIN_RATIO: Final = 5
"""Minimum ratio to the function words of the expected language."""
_MAX_CHARACTERS: Final = 4_000
"""Characters that are read, from the beginning."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LATIN: Final = re.compile(r"[a-zà-öø-ÿāăąćĉčďđēėęěğģıłńņňőœŕřśşšťţűūůźżž]+(?:['’][a-zà-ÿ]+)?")

NAMES: Final = {
    "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese", "hi": "Hindi",
    "de": "German", "nl": "Dutch", "sv": "Swedish", "da": "Danish", "pl": "Polish", "tr": "Turkish",
    "id": "Indonesian", "ro": "Romanian",
}  # fmt: skip

_WORDS: Final = {
    "en": "the of and to in is that it for was on with as be by at this have from or had not are but were they which "
    "you his her she he we an been has their would there what will all can if more who when so no out about up than "
    "them then some these its our your my me i do did just how any because could should where those after before "
    "over only into",
    "es": "el la los las de del y en que un una es por con no para al se lo su como más pero sus le ya o este sí "
    "porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni "
    "contra otros ese eso ante ellos esto mí antes algunos qué unos yo otro otras otra él tanto esa estos mucho "
    "quienes nada muchos cual poco ella estar estas fue ha han son está están era ser tiene hoy",
    "fr": "le la les de des du et en à un une est que qui dans pour pas sur au aux par plus ne se ce cette ces il elle "
    "ils elles nous vous je tu on mais ou où avec sont être avoir fait leur leurs son sa ses mon ma mes notre votre "
    "était ont été comme tout tous toute très bien aussi même sans si peut après avant entre dont lui y c'est qu'il "
    "d'un d'une j'ai n'est qu'elle l'on",
    "it": "il lo la i gli le di del della dei delle degli dello e è in che un una uno per non con si da dal dalla al "
    "alla alle ai nel nella nei nelle sul sulla come più ma anche sono ha hanno essere questo questa questi queste "
    "quello quella suo sua suoi loro o se perché quando dove chi molto tutto tutti ogni era stato stata ci mi ti io "
    "lui lei noi fra tra dopo prima senza solo ancora già poi così c'è dell'anno l'ha",
    "pt": "o a os as de do da dos das e em que um uma é por com não para ao aos no na nos nas se seu sua seus suas "
    "como mais mas foi são ser está tem ele ela eles elas eu você nós isso este esta esse essa pelo pela pelos pelas "
    "ou quando muito já também só até sem mesmo entre depois onde quem há era foram estava muitos todos tudo ainda "
    "lhe num numa à às",
    "hi": "hai hain ka ki ke ko se mein me nahi nahin aur kya yeh ye woh wo mera meri mere tum aap hum tha thi the ho "
    "par bhi kar karo raha rahi rahe gaya gayi kaise kyun kab kahan ek do toh to na haan ji apna apni liye saath kuch",
    "de": "der die das den dem des und in ist zu nicht von mit sich auf für ein eine einen einem einer als auch es an "
    "werden aus er sie wir ihr ich du hat dass daß war noch nach wird bei um am im sind oder aber wenn wie was nur vor "
    "über so sein seine ihre kann haben durch man mehr schon sehr zum zur heute mein dein unser guten dann weil wo "
    "wer warum bitte kein keine",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als maar bij dan nog uit wat naar dit "
    "heeft hij zij ze wij we je ik mijn hun haar wordt werd door over deze geen kan meer of tot al zo was waren "
    "hebben worden onder want omdat waar wie hoe",
    "sv": "och att det i en som är på för av med till den har de inte om ett han men var jag hon sig från vi så kan "
    "när man nu också efter ut eller hade mycket där här alla blev mot skulle vid under bara då vad detta finns",
    "da": "og at det i en som er på for af med til den har de ikke om et han men var jeg hun sig fra vi så kan når "
    "man nu også efter ud eller havde meget der her alle blev mod skulle ved under kun da hvad dette",
    "pl": "i w na z nie się do to że jest o jak po za od co ale dla są przez był była było być tak czy już tylko jego "
    "jej może ten ta te tego oraz ich też który która które przed między gdy bardzo jeszcze pod",
    "tr": "ve bir bu da de için ile çok olarak daha gibi ne en ama var olan sonra kadar ise mi o ben sen biz onun her "
    "değil yok oldu olduğu şey bana nasıl neden iyi yeni",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena ada mereka kita adalah oleh "
    "bisa atau sudah kami anda lebih telah dapat bahwa sebagai seperti orang",
    "ro": "și de la în a un o că nu pe cu din este care mai sunt pentru fi ce sau ca se am au fost iar dar prin după "
    "acest această lui său foarte când ale al sa",
}
"""Function words, most frequent first. Hindi is in Latin letters."""


def other_language(text: str, language: str) -> str | None:
    """Return the language (two letters, in NAMES) of `text` if it clearly differs from `language` (a code such as
    `en-us`); None if it is the same or uncertain."""
    own = language.partition("-")[0]
    if own not in _WORDS:
        return None
    words = _WORD.findall(text[:_MAX_CHARACTERS].replace("’", "'"))
    if all(word.isupper() for word in words):
        words = [word.lower() for word in words]
    latin = [word for word in words if _LATIN.fullmatch(word.lower())]
    if len(latin) < _MIN_WORDS or len(latin) * 10 < len(words) * 9:
        return None
    found = max((_hits(latin, other, own) for other in _WORDS if other != own), default=(0, 0, 0, ""))
    hits, different, own_hits, other = found
    is_clear = hits >= _MIN_HITS and different >= 2 and hits >= _MIN_SHARE * len(latin) and hits > _MIN_RATIO * own_hits
    return other if is_clear and other in NAMES else None


def _hits(words: list[str], other: str, own: str) -> tuple[int, int, int, str]:
    """Count the function words that only `other` has, the different ones among them, and those that only `own` has;
    returns these and `other`. Capitalized words after the first may be names ("Los Angeles, El Paso"), so they do not
    count for `other`."""
    theirs, ours = _function_words(other), _function_words(own)
    hits = [
        word.lower()
        for number, word in enumerate(words)
        if (number == 0 or word.islower()) and word.lower() in theirs and word.lower() not in ours
    ]
    own_hits = sum(word.lower() in ours and word.lower() not in theirs for word in words)
    return len(hits), len(set(hits)), own_hits, other


@cache
def _function_words(language: str) -> frozenset[str]:
    return frozenset(_WORDS[language].split())
