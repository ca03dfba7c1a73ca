"""Function words of each language: words that start a sentence and are never a name or a unit."""

from __future__ import annotations

from typing import Final

from voxport.text.normalise.wordlist import word_set

SENTENCE_OPENERS: Final[dict[str, frozenset[str]]] = {
    "en": word_set(
        "the he she it we they i you this that these those there but and then in on at when while if my his "
        "her our its their your as for a what why how who where after before because although however now "
        "here nobody everybody everyone someone somebody nothing one all some many most no not yes was is are "
        "were"
    ),
    "es": word_set(
        "el la los las un una unos unas yo él ella ellos ellas nosotros y pero entonces en cuando si mi su "
        "sus este esta esto ese esa eso aquel por para como que no sí después antes luego también allí aquí "
        "hay fue era me te se le lo nos"
    ),
    "fr": word_set(
        "le la les un une des je il elle ils elles nous vous on et mais alors en quand si mon ma mes son sa "
        "ses ce cette ces cet c'est pour par comme que ne puis après avant ensuite ici là dans est était "
        "aussi"
    ),
    "it": word_set(
        "il lo la i gli le un una uno io egli lui lei loro noi e ma poi in quando se mio mia suo sua questo "
        "questa questi quello quella per come che non dopo prima allora qui là è era anche si ci"
    ),
    "pt": word_set(
        "o a os as um uma uns umas eu ele ela eles elas nós e mas então em no na nos nas quando se meu minha "
        "seu sua este esta isto esse essa isso para por como que não depois antes também aqui ali há foi era"
    ),
    "hi": frozenset(),
}
"""By base language (`LocaleWords.base_language`). Hindi is empty: it has no capitals to show where a sentence
starts."""
