"""Broken encodings, secrets and personal data: what is found, what is left alone, what is not repeated."""

from __future__ import annotations

import base64
import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from ftkit_validators.quality.personal import card_numbers, iban_checks, ibans, luhn
from ftkit_validators.quality.secrets import bits_per_character, found_secrets, looks_random
from hypothesis import given
from hypothesis import strategies as st
from quality_checks import findings, lines_of, row, said, write

GOOD_TEXTS = [
    "Où est le café ? « Très bien », dit-elle… À bientôt – déjà vu — naïve",
    "São Paulo, “IRMÔ, NÃO… AÇÃO – POKÉMON™ LEGÓ®",
    "Übergröße: 5 °C, 20 µm, ½ £5 §3 ±2 ×3 Straße “Ärger” ‚so‘ „und“",
    "l’été… “voilà” – “café”… à “x” é”… ã”… í—“",
    "Привет, как дела? Ελληνικά שלום مرحبا नमस्ते 中文 日本語 한국어 🎉😀",
    "Þórður Ægisson, Ñandú, Øre, Åse, Łódź, ÂME, PÂQUES «Â», 10 Å, 5 Å “so”",
    "x² ≤ 5 → y, f(Ã) ≈ ð, Ç‡ † ‡ • ‰",
    "Tiếng Việt: Ư Â â ấ ð Đ, Ä“ ē Å„ ń",
]


@pytest.mark.parametrize("text", GOOD_TEXTS)
def test_good_text_of_many_languages_is_left_alone(tmp_path: Path, text: str) -> None:
    assert lines_of(write(tmp_path / "d.jsonl", [row(text, text)]), "FT509") == []


def misread(text: str, encoding: str) -> str:
    return "".join(bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text",
    [
        "café", "naïve", "Über uns", "It’s fine", "so – or so", "5 € or £4", "30 °C", "emoji 😀", "→ there",
        "niño", "Привет", "Ελλάδα", "中文字", "日本語", "한국어", "שלום", "مرحبا", "नमस्ते",
        "zażółć gęślą", "příliš žluťoučký",
    ],
)  # fmt: skip
def test_utf8_that_was_read_in_another_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    (found,) = findings(write(tmp_path / "d.jsonl", [row(misread(text, encoding), "ok")]), "FT509")
    assert found.pointer == "/messages/0/content" and "read as Windows-1252" in found.message


def test_what_stood_there_is_guessed_and_all_places_are_counted(tmp_path: Path) -> None:
    rows = [row("ok", "ok"), row("Le cafÃ©, l’été, le thÃ©", "It is donâ€™t")]
    assert said(write(tmp_path / "d.jsonl", rows), "FT509") == [
        (2, "'Ã©' is probably 'é', UTF-8 that was read as Windows-1252, and 1 more"),
        (2, "'â€™' is probably '’', UTF-8 that was read as Windows-1252"),
    ]


def test_characters_that_could_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", [row("a caf\ufffd, two caf\ufffds", "ok")])
    assert said(path, "FT509") == [(1, "a character that could not be read (U+FFFD), and 1 more")]


@given(st.text(string.ascii_letters + " .,’“”éèüñçøåß…–—°€", max_size=60))
def test_misread_text_never_breaks_the_rule(text: str) -> None:
    from ftkit_validators.quality.encoding import _BROKEN, _words

    for encoding in ("cp1252", "latin-1"):
        broken = misread(text, encoding)
        for spot in _BROKEN.finditer(broken):
            assert _words(broken, spot)


def random_text(number: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.Random(number).choices(alphabet, k=number))


def jwt() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "12345", "name": "N. N."})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, random_text(43)])


PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\n" + f"{random_text(64)}\n" * 3 + "-----END RSA PRIVATE KEY-----"
SECRETS = {
    "an OpenAI API key": "sk-" + "proj-" + random_text(64),
    "an OpenAI API key ": "sk-" + random_text(20) + "T3BlbkFJ" + random_text(20),
    "an Anthropic API key": "sk-" + "ant-api03-" + random_text(93),
    "an AWS access key id": "AK" + "IA" + random_text(16, string.ascii_uppercase + "234567"),
    "a GitHub token": "gh" + "p_" + random_text(36),
    "a GitHub token ": "github_" + "pat_" + random_text(82),
    "a GitLab token": "gl" + "pat-" + random_text(20),
    "a Google API key": "AI" + "za" + random_text(35),
    "a Slack token": "xo" + "xb-" + random_text(40),
    "a Slack webhook": f"https://hooks.slack.com/services/T{random_text(8)}/B{random_text(9)}/{random_text(24)}",
    "a Stripe key": "sk_" + "live_" + random_text(24),
    "a Hugging Face token": "h" + "f_" + random_text(34),
    "a Groq API key": "gs" + "k_" + random_text(52),
    "an npm token": "np" + "m_" + random_text(36),
    "a PyPI token": "py" + "pi-AgEIcHlwaS5vcmc" + random_text(80),
    "a SendGrid key": "S" + "G." + random_text(22) + "." + random_text(43),
    "a signed web token (JWT)": jwt(),
    "a private key": PEM,
}  # fmt: skip


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_found_and_not_repeated(tmp_path: Path, what: str) -> None:
    secret = SECRETS[what]
    path = write(tmp_path / "d.jsonl", [row("Why does this fail?", f"You use {secret} here.")])
    (found,) = findings(path, "FT510")
    assert (
        found.message == f"what looks like {what.strip()}, at character {1 + 8 + ('https://' in secret) * 8}"
    )
    assert (found.pointer, found.excerpt) == ("/messages/1/content", None) and found.column
    assert secret[-12:] not in found.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "proj-" + "x" * 48,
        "export KEY=sk-..., then run it; a task-force, desk-top and risk-free",
        "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "gh" + "p_your_token_here_" + "0" * 30,
        "AI" + "za" + "a" * 35,
        "hf_" + "ab" * 17,
        "-----BEGIN PRIVATE " + "KEY-----\n(your key)\n-----END PRIVATE KEY-----",
        "eyJ" + random_text(40) + "." + "eyJ" + random_text(40) + "." + random_text(40),
        "xMAK" + "IA" + random_text(16, string.ascii_uppercase),
        "the word npm_install and a snake_case_name_" + random_text(40),
    ],
)
def test_placeholders_and_lookalikes_are_no_secrets(tmp_path: Path, text: str) -> None:
    assert said(write(tmp_path / "d.jsonl", [row(text, text)]), "FT510") == []


def test_secrets_are_found_wherever_they_stand(tmp_path: Path) -> None:
    secret = SECRETS["a GitHub token"]
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"key": secret})},
    }
    messages = [
        {"role": "user", "content": [{"type": "text", "text": f"My key is {secret}."}]},
        {"role": "assistant", "tool_calls": [call]},
    ]
    found = findings(write(tmp_path / "d.jsonl", [{"messages": messages, "note": secret}]), "FT510")
    assert {finding.pointer for finding in found} == {
        "/messages/0/content/0/text",
        "/messages/1/tool_calls/0/function/arguments",
        "/note",
    }


@pytest.mark.parametrize(("text", "random_enough"), [(random_text(40), True), ("a" * 40, False), ("", False)])
def test_randomness(text: str, random_enough: bool) -> None:
    assert looks_random(text) is random_enough
    assert bits_per_character("abcdefgh") == 3.0 and bits_per_character("aaaa") == 0.0


@given(st.text())
def test_no_text_breaks_the_search_for_secrets(text: str) -> None:
    from ftkit_validators.quality.secrets import may_hold_secrets

    if list(found_secrets(text)):
        assert may_hold_secrets(text)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=[*SECRETS])
def test_the_quick_look_passes_over_no_secret(secret: str) -> None:
    from ftkit_validators.quality.secrets import may_hold_secrets

    assert may_hold_secrets(f"text {secret} text")


def with_check_digit(digits: str) -> str:
    return next(f"{digits}{last}" for last in range(10) if luhn(f"{digits}{last}"))


VISA = with_check_digit("403712849506173")
AMEX = with_check_digit("37128495061739")


def spaced(number: str, *sizes: int, sign: str = " ") -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return sign.join(parts)


PERSONAL = {
    "an e-mail address": ["erika.mustermann@web-post.de", "x+y_z@mail.uni-so.ac.uk"],
    "a card's number": [
        VISA,
        spaced(VISA, 4, 4, 4, 4),
        spaced(VISA, 4, 4, 4, 4, sign="-"),
        spaced(AMEX, 4, 6, 5),
    ],
    # IBANs that the registry itself prints as examples
    "an IBAN": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NL91 ABNA 0417 1643 00"],
}


@pytest.mark.parametrize(("what", "data"), [(what, data) for what, many in PERSONAL.items() for data in many])
def test_personal_data_is_found_and_not_repeated(tmp_path: Path, what: str, data: str) -> None:
    path = write(tmp_path / "d.jsonl", [row("Who is it?", f"It is {data}.")])
    (found,) = findings(path, "FT511")
    assert found.message == f"what looks like {what}, at character 7"
    assert found.pointer == "/messages/1/content" and found.excerpt is None
    assert data[:6] not in found.model_dump_json() and data[-6:] not in found.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        "someone@example.com, a@sub.example.org, b@printer.local and c@site.test",
        "noreply@github.com and git@github.com:owner/name.git",
        "the @app.route decorator, @user.name, a @ b.com, x@y",
        VISA[:-1] + str((int(VISA[-1]) + 1) % 10),
        "4242 4242 4242 4242 and 4111111111111111",
        f"0.{VISA}",
        f"id-{VISA} and {VISA}-{VISA}",
        with_check_digit("900000000000123"),
        "DE88 3704 0044 0532 0130 00",
        "XX29NWBK60161331926819",
        "call +49 30 901820 or 030 1234567",
        "in 2024, of 1998 2001 2003 2010, version 1.2.3.4, 10000 0000",
    ],
)
def test_what_only_looks_like_personal_data(tmp_path: Path, text: str) -> None:
    assert said(write(tmp_path / "d.jsonl", [row(text, text)]), "FT511") == []


def test_several_in_one_text_are_counted_by_kind(tmp_path: Path) -> None:
    text = f"a.b@web-post.de, c.d@web-post.de; {VISA}"
    assert [message for _, message in said(write(tmp_path / "d.jsonl", [row(text, "ok")]), "FT511")] == [
        "what looks like an e-mail address, at character 1, and 1 more",
        "what looks like a card's number, at character 35",
    ]


@pytest.mark.parametrize(
    ("params", "text", "number"),
    [
        ({"FT511.emails": False}, "a.b@web-post.de", 0),
        ({"FT511.cards": False}, VISA, 0),
        ({"FT511.ibans": False}, "GB29NWBK60161331926819", 0),
        ({"FT511.domains": ["Web-Post.de"]}, "a.b@web-post.de", 0),
        ({"FT511.domains": "web-post.de"}, "a.b@web-post.de, a@post-web.de", 1),
        ({"FT511.phones": True}, "call +49 30 901820 now", 1),
        ({"FT511.phones": True}, "+1 (555) 010-9999", 1),
        ({"FT511.phones": True}, "2 + 3 + 4, C++ 17, 1+1", 0),
    ],
)
def test_what_is_looked_for_is_a_parameter(
    tmp_path: Path, params: dict[str, Any], text: str, number: int
) -> None:
    path = write(tmp_path / "d.jsonl", [row(text, "ok")])
    assert len(said(path, "FT511", params=params)) == number


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True))
def test_a_wrong_digit_is_never_a_card(digits: str) -> None:
    number = with_check_digit(digits)
    assert sum(luhn(digits + last) for last in string.digits) == 1
    swapped = number[:5] + str((int(number[5]) + 1) % 10) + number[6:]
    assert not luhn(swapped) and not list(card_numbers(swapped))


@given(st.integers(0, 25), st.integers(1, 9))
def test_a_wrong_sign_is_never_an_iban(place: int, step: int) -> None:
    good = "FR1420041010050500013M02606"
    assert iban_checks(good) and list(ibans(f"to {good}, please")) == [3]
    char = good[place]
    alphabet = string.digits if char.isdigit() else string.ascii_uppercase
    changed = alphabet[(alphabet.index(char) + step) % len(alphabet)]
    assert not list(ibans(good[:place] + changed + good[place + 1 :]))
