"""Units after the "/" of a rate, by language: "month", "mes", "kg"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PER: Final = {"en": "per", "es": "por", "fr": "par", "it": "al", "pt": "por", "hi": "प्रति"}
BY_WORD: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"mo": "per month", "yr": "per year", "wk": "per week", "hr": "per hour", "h": "per hour", "s": "per second",
           "d": "per day", "min": "per minute", "sec": "per second", "pp": "per person"},
    "es": {"h": "por hora", "hr": "por hora", "s": "por segundo", "min": "por minuto", "pers": "por persona"},
    "fr": {"h": "par heure", "s": "par seconde", "min": "par minute", "pers": "par personne", "an": "par an",
           "kg": "le kilogramme"},
    "it": {"h": "all'ora", "ora": "all'ora", "s": "al secondo", "min": "al minuto", "anno": "all'anno",
           "notte": "a notte", "persona": "a persona", "settimana": "alla settimana", "etto": "all'etto"},
    "pt": {"h": "por hora", "s": "por segundo", "min": "por minuto"},
    "hi": {"h": "प्रति घंटा", "s": "प्रति सेकंड", "min": "प्रति मिनट"},
}  # fmt: skip
WORDS: Final = {
    "en": "month|year|week|day|hour|minute|second|night|person|user|seat|share|piece|unit|item|head|student|child|"
    "mile|pound|ounce|gallon|liter|litre|kilo|call|token|request|session|household|capita|dozen|box|page|word|line",
    "es": "mes|año|semana|día|dia|hora|minuto|segundo|noche|persona|usuario|unidad|kilo|litro|pieza|habitante|sesión",
    "fr": "mois|année|semaine|jour|heure|minute|seconde|nuit|personne|utilisateur|unité|kilo|litre|pièce|habitant",
    "it": "mese|giorno|minuto|secondo|utente|kilo|chilo|litro|pezzo",
    "pt": "mês|mes|ano|semana|dia|hora|minuto|segundo|noite|pessoa|usuário|unidade|quilo|kilo|litro|peça|habitante",
    "hi": "माह|महीना|महीने|साल|वर्ष|दिन|घंटा|घंटे|सप्ताह|किलो|लीटर|व्यक्ति|यूनिट|रात|month|year|day|hour",
}
FEET_AND_INCHES: Final = {
    "en": (("foot", "feet"), ("inch", "inches")), "es": (("pie", "pies"), ("pulgada", "pulgadas")),
    "fr": (("pied", "pieds"), ("pouce", "pouces")), "it": (("piede", "piedi"), ("pollice", "pollici")),
    "pt": (("pé", "pés"), ("polegada", "polegadas")), "hi": (("फुट", "फुट"), ("इंच", "इंच")),
}  # fmt: skip
