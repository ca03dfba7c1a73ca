"""Words that distinguish degrees from ordinals written "3°" in Spanish, French, Italian and Portuguese."""

from __future__ import annotations

from typing import Final

BEFORE_DEGREES: Final = frozenset(
    (
        "a à de di unos casi hasta até quase cerca circa fino menos moins environ con com hace faz fa y e et entre "
        "tra entro ángulo angolo latitud latitude latitudine"
    ).split()
)
"""After these words a number with "°" is in degrees."""
BEHIND_DEGREES: Final = frozenset(
    (
        "celsius centígrados centigradi centigrades fahrenheit kelvin grados graus gradi degrés norte sur sul sud "
        "nord este est oeste ouest ovest leste latitud longitud latitude longitude hoy hoje oggi aujourd ahora agora "
        "ora fuera fora fuori dehors ayer ontem ieri a à al alla all de di du en em in dans y e et o ou con com avec "
        "bajo sob sotto sous por para per pour esta esto questa cette ce il la le los las os as un una uno que che "
        "qui del do da dos das nel nella no na si se ma mas pero mais hacia hasta fino même anche también também"
    ).split()
)
"""Words after "3°" that are not a noun, so it cannot be an ordinal."""
BEFORE_ORDINALS: Final = frozenset(
    (
        "el la los las del al o os as do da no na ao il lo nel dal sul le un una em en é è es fue foi quedó ficou "
        "arrivato llegó chegou lugar puesto"
    ).split()
)
BEHIND_ORDINALS: Final = frozenset(("de di en em in del do da y e nella na no a").split())
"""Between `BEFORE_ORDINALS` and one of these words, an ordinal has no noun: "el 3° de la lista"."""
FUNCTION_WORDS: Final = frozenset(("de del en y e o a di in su que se da do no na em es ou con com").split())
