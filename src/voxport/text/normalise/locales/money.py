"""Signs and codes of currencies, and the names that CLDR lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from voxport.text.normalise.locale_words import Currency

SIGNS: Final[Mapping[str, str]] = {
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "CAD$": "CAD", "NZ$": "NZD", "HK$": "HKD",
    "S$": "SGD", "SG$": "SGD", "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "MEX$": "MXN", "AR$": "ARS", "CL$": "CLP",
    "COL$": "COP", "S/": "PEN", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "CN¥": "CNY", "₹": "INR",
    "₩": "KRW", "₽": "RUB", "₿": "BTC", "₺": "TRY", "₴": "UAH", "₫": "VND", "₪": "ILS", "฿": "THB", "₱": "PHP",
    "₦": "NGN", "₡": "CRC", "₲": "PYG", "₵": "GHS", "₸": "KZT", "₼": "AZN", "₾": "GEL", "₭": "LAK", "₮": "MNT",
    "₨": "PKR", "៛": "KHR", "৳": "BDT", "﷼": "IRR", "Rs.": "INR", "Rs": "INR", "रु": "INR", "zł": "PLN", "Kč": "CZK",
    "Ft": "HUF", "lei": "RON", "kr.": "kr", "kr": "kr", "Fr.": "CHF", "¢": "¢", "XBT": "BTC",
}  # fmt: skip
"""Sign to ISO code. "kr" is the crown of several countries and "¢" a hundredth part, so neither has a code."""
CODES: Final = (
    "AED ARS AUD BDT BGN BRL BTC CAD CHF CLP CNY COP CRC CZK DKK DOP EGP ETH EUR GBP GHS HKD HUF IDR ILS INR IRR ISK "
    "JPY KES KRW KWD KZT LKR MAD MXN MYR NGN NOK NPR NZD PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD UAH "
    "USD UYU VND XBT ZAR"
).split()
AMBIGUOUS_CODES: Final = frozenset("COP TRY PEN RON MAD ETH".split())
"""Codes that are also words ("TRY 5 times", "COP 28"). Only a large amount after one is money."""
LOCAL: Final = ("USD", "EUR", "GBP", "JPY", "INR", "BRL")
"""Currencies that need no country: each locale names them by their sign."""
LOCAL_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$"}

_PESO_CENT: Final = {
    "en": ("centavo", "centavos"), "es": ("centavo", "centavos"), "fr": ("centavo", "centavos"),
    "it": ("centavo", "centavos"), "pt": ("centavo", "centavos"), "hi": ("सेंटावो", "सेंटावो"),
}  # fmt: skip
_FRANC_CENT: Final = {
    "en": ("centime", "centimes"), "es": ("céntimo", "céntimos"), "fr": ("centime", "centimes"),
    "it": ("centesimo", "centesimi"), "pt": ("cêntimo", "cêntimos"), "hi": ("सांतिम", "सांतिम"),
}  # fmt: skip
_OTHER_CENTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "RUB": {"en": ("kopeck", "kopecks"), "es": ("kopek", "kopeks"), "fr": ("kopeck", "kopecks"),
            "it": ("copeco", "copechi"), "pt": ("copeque", "copeques"), "hi": ("कोपेक", "कोपेक")},
    "PLN": {"en": ("grosz", "groszy"), "es": ("grosz", "groszy"), "fr": ("grosz", "groszy"),
            "it": ("grosz", "groszy"), "pt": ("grosz", "groszy"), "hi": ("ग्रोश", "ग्रोश")},
    "PKR": {"hi": ("पैसा", "पैसे"), "en": ("paisa", "paisas")},
}  # fmt: skip
_CENT: Final = {
    "en": ("cent", "cents"), "es": ("centavo", "centavos"), "fr": ("cent", "cents"), "it": ("centesimo", "centesimi"),
    "pt": ("centavo", "centavos"), "hi": ("सेंट", "सेंट"),
}  # fmt: skip
_BITCOIN: Final = {"en": ("bitcoin", "bitcoins"), "es": ("bitcóin", "bitcoines"), "it": ("bitcoin", "bitcoin")}
_CROWN: Final = {
    "en": ("krone", "kroner"), "es": ("corona", "coronas"), "fr": ("couronne", "couronnes"), "it": ("corona", "corone"),
    "pt": ("coroa", "coroas"), "hi": ("क्रोन", "क्रोन"),
}  # fmt: skip
FEMININE: Final = {
    "es": ("libra", "lira", "rupia", "corona", "grivna", "naira"),
    "it": ("lir", "rupi", "coron", "grivni", "nair", "sterlin"),
    "fr": ("livre", "roupie", "couronne", "hryvnia"), "pt": ("libra", "lira", "rupia", "coroa", "naira"),
}  # fmt: skip
"""Prefixes of feminine currency names."""

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"dollars?": "USD", "pesos?": "peso", "euros?": "EUR", "pounds?": "GBP", "reais": "BRL", "rupees?": "INR"},
    "es": {"d[óo]lar(?:es)?": "USD", "pesos?": "peso", "euros?": "EUR", "reales": "BRL", "libras?": "GBP"},
    "fr": {"dollars?": "USD", "pesos?": "peso", "euros?": "EUR", "livres?": "GBP"},
    "it": {"dollar[oi]": "USD", "pesos?": "peso", "euro": "EUR", "sterlin[ae]": "GBP"},
    "pt": {"d[óo]lar(?:es)?": "USD", "pesos?": "peso", "euros?": "EUR", "rea(?:l|is)": "BRL"},
    "hi": {"डॉलर": "USD", "पेसो": "peso", "रुपये": "INR", "रुपए": "INR", "यूरो": "EUR"},
}
"""Words beside a sign that repeat it or make it specific: "$500 pesos"."""
_PESO: Final = {"en": ("peso", "pesos"), "hi": ("पेसो", "पेसो")}


def local_name(code: str, base_language: str) -> tuple[str, str] | None:
    """Return singular and plural of a currency that CLDR has no name for, else None."""
    if code == "¢":
        return _CENT[base_language]
    if code == "kr":
        return _CROWN[base_language]
    if code == "peso":
        return _PESO.get(base_language, ("peso", "pesos"))
    if code == "BTC":
        return ("बिटकॉइन", "बिटकॉइन") if base_language == "hi" else _BITCOIN.get(base_language, _BITCOIN["en"])
    return ("इथर", "इथर") if code == "ETH" and base_language == "hi" else ("ether", "ether") if code == "ETH" else None


def cents(code: str, base_language: str, dollar: Currency) -> tuple[str, str]:
    """Return singular and plural of the hundredth part; empty if it is not in use or has no name here."""
    if code in ("AUD", "CAD", "NZD", "HKD", "SGD", "TWD", "ZAR"):
        return dollar.cent, dollar.cents
    if code in ("peso", "MXN", "ARS", "COP", "PHP", "UYU", "DOP"):
        return _PESO_CENT[base_language]
    if code == "CHF":
        return _FRANC_CENT[base_language]
    return _OTHER_CENTS.get(code, {}).get(base_language, ("", ""))
