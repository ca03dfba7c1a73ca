"""Words that show what a number is: a code, an order, a telephone number.

The values are case-insensitive regular expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class NumberCues:
    code_words: str
    """Words before digits that are copied."""
    numbered_things: str
    """Things that have a long number but can also be counted or precede a year: "room 12", "flight 447"."""
    filler_words: str
    """Words allowed between one of the above and its digits."""
    code_predicate: str
    """What follows the digits in "482913 is your code"."""
    phone_words: str
    """Words before or beside a telephone number."""
    extension_words: str
    """Abbreviations of an extension. Its spoken name is the first alternative of the table `extensions`."""
    extension_name: str


_ALL: Final = r"otp|pin|iban|isbn|issn|cvv|cvc|imei|vin|swift|bic|captcha|token|id"

NUMBER_CUES: Final[Mapping[str, NumberCues]] = {
    "en": NumberCues(
        code_words=rf"(?:pass)?codes?|postcode|zip|password|passport|ssn|ein|social security|serial|tracking|"
        rf"licen[cs]e|plate|nhs|routing|{_ALL}",
        numbered_things=r"accounts?|acct|ticket|flight|room|model|invoice|reference|ref|booking|reservation|confirmation|"
        r"(?:your|the|my|this|our|an) order|order(?= ?(?:number|no|id|#|:))|card|policy|membership|member|customer|"
        r"employee|patient|gate|badge|claim|docket|locker|suite|extension|case(?= (?:number|no|id))",
        filler_words=r"is|was|number|no|num|id|code|ending in|ending|#|of",
        code_predicate=r"(?:is|as) (?:your|the|my|our) (?:\w{1,15} ){0,3}(?:code|otp|pin|password|passcode|number)\b",
        phone_words=r"call|dial|ring|text|phone|telephone|mobile|cell|fax|tel|whatsapp|hotline|number",
        extension_words=r"ext|extension|x",
        extension_name="extension",
    ),
    "es": NumberCues(
        code_words=rf"c[óo]digos?|clave|contraseña|cp|c\.p\.|dni|nie|nif|cif|cuit|curp|rfc|nip|pasaporte|c[ée]dula|"
        rf"seguridad social|matr[íi]cula|serie|rastreo|placa|{_ALL}",
        numbered_things=r"pedido|orden|cuenta|vuelo|habitaci[óo]n|sala|ticket|billete|boleto|factura|modelo|referencia|"
        r"reserva|expediente|tarjeta|p[óo]liza|socio|folio|gu[íi]a|extensi[óo]n|puerta",
        filler_words=r"es|de|del|verificaci[óo]n|seguridad|acceso|postal|confirmaci[óo]n|n[úu]mero|n[úu]m|un|solo|uso|"
        r"el|la|su|tu|ser[áa]|terminada en|activaci[óo]n",
        code_predicate=r"es (?:su|tu|el|mi) (?:\w{1,15} ){0,2}(?:c[óo]digo|clave|contraseña|pin|otp|nip)\b",
        phone_words=r"llam[aeoá]\w{0,4}|mar(?:c[aeoá]|qu[eé])\w{0,4}|tel[ée]fono|tel|m[óo]vil|celular|fax|whatsapp|contacto",
        extension_words=r"ext|extensi[óo]n",
        extension_name="extensión",
    ),
    "fr": NumberCues(
        code_words=rf"codes?|mot de passe|cp|c\.p\.|passeport|siret|siren|s[ée]curit[ée] sociale|immatriculation|"
        rf"s[ée]rie|"
        rf"suivi|{_ALL}",
        numbered_things=r"commande|compte|vol|chambre|salle|billet|facture|mod[èe]le|r[ée]f[ée]rence|r[ée]servation|dossier|"
        r"carte|police|adh[ée]rent|client|poste|porte",
        filler_words=r"est|de|du|v[ée]rification|s[ée]curit[ée]|acc[èe]s|postal|confirmation|num[ée]ro|n°|le|la|votre|"
        r"à usage unique|sera|d'acc[èe]s|d'activation|secret",
        code_predicate=r"est (?:votre|ton|le|mon) (?:\w{1,15} ){0,2}(?:code|mot de passe|pin|otp)\b",
        phone_words=r"appel\w{1,4}|compos\w{1,4}|t[ée]l[ée]phone|t[ée]l|portable|fax|whatsapp|joignable|contact\w{0,4}",
        extension_words=r"poste|ext",
        extension_name="poste",
    ),
    "it": NumberCues(
        code_words=rf"codic[ei]|cap|c\.a\.p\.|password|passaporto|partita iva|p\.iva|targa|serie|matricola|{_ALL}",
        numbered_things=r"ordine|conto|volo|camera|stanza|sala|biglietto|fattura|modello|riferimento|prenotazione|pratica|"
        r"carta|polizza|cliente|interno|tessera",
        filler_words=r"è|di|del|della|verifica|sicurezza|accesso|postale|conferma|numero|n|il|la|tuo|suo|sarà|attivazione|"
        r"fiscale|monouso",
        code_predicate=r"è (?:il|la) (?:(?:tuo|suo|vostro|mio|tua|sua) )?(?:\w{1,15} ){0,2}"
        r"(?:codice|password|pin|otp)\b",
        phone_words=r"chiam[aio]\w{0,4}|compon\w{1,3}|telefono|telefona\w{0,4}|tel|cellulare|fax|whatsapp",
        extension_words=r"int|interno",
        extension_name="interno",
    ),
    "pt": NumberCues(
        code_words=rf"c[óo]digos?|senha|cep|cpf|cnpj|rg|passaporte|placa|s[ée]rie|rastreio|matr[íi]cula|protocolo|{_ALL}",
        numbered_things=r"pedido|conta|voo|quarto|sala|bilhete|fatura|modelo|refer[êe]ncia|reserva|processo|cart[ãa]o|"
        r"ap[óo]lice|cliente|ramal|port[ãa]o|ag[êe]ncia",
        filler_words=r"é|de|do|da|verifica[çc][ãa]o|seguran[çc]a|acesso|postal|confirma[çc][ãa]o|n[úu]mero|o|a|seu|sua|"
        r"ser[áa]|ativa[çc][ãa]o",
        code_predicate=r"é (?:o |a )?(?:seu|sua|teu|meu) (?:\w{1,15} ){0,2}(?:c[óo]digo|senha|pin|otp)\b",
        phone_words=r"lig[aou]\w{0,3}|ligue|disque|disca\w{0,3}|telefone|tel|celular|fax|whatsapp|fone",
        extension_words=r"ramal|r",
        extension_name="ramal",
    ),
    "hi": NumberCues(
        code_words=rf"कोड|ओटीपी|पिन|पासवर्ड|आधार|पासपोर्ट|पिनकोड|सीरियल|{_ALL}|code|pan|password",
        numbered_things=r"ऑर्डर|खाता|खाते|अकाउंट|टिकट|फ़्लाइट|फ्लाइट|उड़ान|कमरा|रूम|मॉडल|बिल|बुकिंग|कार्ड|order|account|flight|room",
        filler_words=r"है|नंबर|नम्बर|संख्या|क्रमांक|number|no|is|का|की",
        code_predicate=r"(?:आपका|आपकी|मेरा) (?:\S{1,15} ){0,3}(?:कोड|ओटीपी|OTP|पिन|PIN|पासवर्ड)",
        phone_words=r"फ़ोन|फोन|मोबाइल|कॉल|डायल|नंबर|call|phone|mobile",
        extension_words=r"ext|एक्सटेंशन",
        extension_name="एक्सटेंशन",
    ),
}
