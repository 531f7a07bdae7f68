"""FT511: data that belongs to a person. No finding repeats what it has found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ftkit.validation import Context, Found, RowView, rule
from ftkit_validators.quality.rows import EachRow
from ftkit_validators.quality.samples import row
from ftkit_validators.quality.texts import EVERY_KIND, places, texts

# Any digit becomes 0, so that a run of four is found without a regular expression.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_DOMAIN = re.compile(r"@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})(?![\w-])")
_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_%+-])?$")
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?![\w-]|[.,]\d)"
)
_BRANDS = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}(?!\w)")
# Domains that RFC 2606 and RFC 6761 set aside for examples and tests.
_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|local)$")
_NOBODY = frozenset({"git", "noreply", "no-reply", "donotreply", "do-not-reply", "mailer-daemon"})
# Numbers that card companies and payment services publish for tests.
_TEST_CARDS = frozenset(
    (
        *("4111111111111111", "4242424242424242", "4012888888881881", "5555555555554444", "5105105105105100"),
        *("378282246310005", "371449635398431", "6011111111111117", "6011000990139424"),
        *("30569309025904", "3530111333300000"),
    )
)
# Lengths by country, from SWIFT's IBAN registry.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC",
    }.items()
    for country in countries.split()
}  # fmt: skip


@rule(
    "FT511",
    "personal-data",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    params={"emails": True, "cards": True, "ibans": True, "phones": False, "domains": ()},
    bad=row("Who answers for the garden?", "Write to erika.mustermann@gartenbau-nord.de, please."),
    good=row("Who answers for the garden?", "Write to someone@example.com, please."),
)
class PersonalData(EachRow):
    """The text holds an e-mail address, a card's number, an IBAN or, if asked for, a telephone number. A
    model can repeat what it was trained on to anybody, and the law on such data holds for training too.
    Numbers count only where their check digits are right; the addresses of ``domains`` and examples' are left
    alone."""

    def __init__(self, context: Context) -> None:
        def param(name: str) -> Any:
            return context.param(PersonalData, name)  # type: ignore[arg-type]

        domains = param("domains")
        self.domains = frozenset(d.lower() for d in ([domains] if isinstance(domains, str) else domains))
        self.emails, self.phones = bool(param("emails")), bool(param("phones"))
        self.cards, self.ibans = bool(param("cards")), bool(param("ibans"))

    def row(self, row: RowView) -> Iterator[Found]:
        """Look for an @ and for digits in a row before anything is matched."""
        everything = texts(row).everything
        if not self._may_hold(everything):
            return
        hint = "Replace it by a placeholder or by made-up data, unless the people have agreed."
        for keys, text in places(row.value):
            for what, spots in self._kinds(text).items():
                where = f"at character {spots[0] + 1:,}"
                more = f", and {len(spots) - 1:,} more" if len(spots) > 1 else ""
                yield Found(f"what looks like {what}, {where}{more}", hint, keys, masked=True)

    def _may_hold(self, text: str) -> bool:
        if (self.emails and "@" in text) or (self.phones and "+" in text):
            return True
        # the shortest card's number and IBAN have two runs of four digits, or one of eight
        if text.encode("utf-8", "replace").translate(_DIGITS).count(b"0000") < 2:
            return False
        return bool(_CARD.search(text) or _IBAN.search(text))

    def _kinds(self, text: str) -> dict[str, list[int]]:
        """Where in the text each kind of data stands, in characters from 0."""
        found = {
            "an e-mail address": list(self._addresses(text)) if self.emails and "@" in text else [],
            "a card's number": list(card_numbers(text)) if self.cards else [],
            "an IBAN": list(ibans(text)) if self.ibans else [],
            "a telephone number": [m.start() for m in _PHONE.finditer(text)] if self.phones else [],
        }
        return {what: spots for what, spots in found.items() if spots}

    def _addresses(self, text: str) -> Iterator[int]:
        for match in _DOMAIN.finditer(text):
            before = _LOCAL.search(text[max(0, match.start() - 64) : match.start()])
            domain = match.group(1).lower()
            if before is None or before.group().lower() in _NOBODY or _RESERVED.search(domain):
                continue
            if domain not in self.domains:
                yield match.start() - len(before.group())


def card_numbers(text: str) -> Iterator[int]:
    """Where cards' numbers begin: of a brand's prefix and length, with a right check digit (ISO/IEC
    7812-1)."""
    for match in _CARD.finditer(text):
        number = re.sub(r"[ -]", "", match.group())
        if _BRANDS.fullmatch(number) and luhn(number) and number not in _TEST_CARDS and len(set(number)) > 3:
            yield match.start()


def luhn(number: str) -> bool:
    """Whether the last digit is right: every second digit from the right is doubled, and all add up to
    tens."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in number[-1::-2])) % 10 == 0


def ibans(text: str) -> Iterator[int]:
    """Where IBANs begin: of the country's length, with right check digits (ISO 13616, modulo 97)."""
    for match in _IBAN.finditer(text):
        number = match.group().replace(" ", "")
        length = _LENGTHS.get(number[:2], 99)
        if len(number) >= length and iban_checks(number[:length]) and not _cut_word(match.group(), length):
            yield match.start()


def _cut_word(said: str, length: int) -> bool:
    """Whether the IBAN's length ends within a run of letters and digits."""
    seen = 0
    for place, char in enumerate(said):
        seen += char != " "
        if seen == length:
            return said[place + 1 : place + 2] not in ("", " ")
    return False


def iban_checks(number: str) -> bool:
    """Whether the check digits of an IBAN without spaces are right."""
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


RULES = (PersonalData,)
