"""The name to greet a person by, from the full name as somebody wrote it; or none."""

import re
from functools import lru_cache

_TITLE_WORDS = """
    dr doctor prof professor mr mrs ms miss mx sir dame rev hon fr herr frau dipl-ing ing mag madam mme mlle
    monsieur madame señor señora señorita srta sra signor signora
    д-р доктор проф профессор г-н г-жа господин госпожа
"""
_SUFFIX_WORDS = "jr sr ii iii iv phd md msc bsc ma mba esq cpa dds dvm rn мл ст"
_COMPANY_WORDS = """
    inc llc ltd llp plc gmbh ag kg ug ohg corp corporation company co sa sas sarl srl spa bv nv oy ab as aps
    pty limited group holding team support service services shop store studio office sales info admin
    department dept agency university school hotel restaurant bank club association foundation institute
    ооо оао зао пао ао ип нко тоо чп фгуп гуп муп компания фирма отдел магазин группа студия клуб банк школа
    команда поддержка администрация бухгалтерия
"""
_TITLES = frozenset(_TITLE_WORDS.split())
_SUFFIXES = frozenset(_SUFFIX_WORDS.split())
_COMPANIES = frozenset(_COMPANY_WORDS.split())
_GIVEN_WORDS = """
    александр алексей анатолий андрей антон аркадий арсений артём артем богдан борис вадим валентин
    валерий василий виктор виталий владимир владислав всеволод вячеслав геннадий георгий герман глеб
    григорий даниил данила денис дмитрий евгений егор иван игорь илья кирилл константин леонид максим марк
    матвей михаил никита николай олег павел пётр петр роман руслан семён семен сергей станислав степан
    тарас тимофей тимур фёдор федор юрий ярослав александра алина алиса алла анастасия ангелина анна
    антонина валентина валерия варвара вера вероника виктория галина дарья диана евгения екатерина елена
    елизавета жанна зинаида зоя инна ирина карина кира кристина ксения лариса лидия любовь людмила
    маргарита марина мария надежда наталья наталия нина оксана ольга полина раиса светлана снежана софия
    софья таисия тамара татьяна ульяна элина эльвира юлия яна
"""
_GIVEN = frozenset(_GIVEN_WORDS.split())  # beside which any other word is the surname: “Ким Ольга”
_NO_NAME = re.compile(r"[\d@/\\«»|_]")  # by itself, for speed
_TOGETHER = re.compile(r"\w\s*[&+]\s*\w|\b(?:and|und|и)\b", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()]*\)|<[^<>]*>|\[[^\[\]]*\]")
_PATRONYMIC = ("вич", "вна", "ична", "инична", "мич", "кич", "оглы", "кызы", "vich", "vna", "ichna")
_SURNAME = ("ов", "ев", "ёв", "ова", "ева", "ёва", "ский", "ская", "цкий", "цкая", "енко")
_NO_SURNAME = frozenset({"лев", "яков", "иов", "ева", "иаков"})
_AROUND = " \t\"'“”„()[]<>.,;"


def first_name(full_name: str) -> str:
    """“Smith, John” is John, “Dr. Anna Maria Lee” Anna, “Иванова Анна Петровна” Анна; a company nobody."""
    words = full_name.split()
    if len(words) <= 3 and "".join(words).isalpha():  # most names; this is done for every mail
        lower = full_name.lower().split()
        if _SPECIAL.isdisjoint(lower) and len(words[0]) > 1 < len(words[-1]):
            return words[1] if _family_first(lower) else words[0]
    return _careful(full_name) if words else ""


@lru_cache(maxsize=16_384)
def _careful(full_name: str) -> str:
    full_name = _bare(full_name.strip().splitlines()[0])
    if _NO_NAME.search(full_name) or _TOGETHER.search(full_name):
        return ""
    before, comma, after = full_name.partition(",")
    words = _words(before)
    if not words or not _COMPANIES.isdisjoint(map(_plain, _words(full_name))):
        return ""
    following = [word for word in _words(after) if _plain(word) not in _SUFFIXES]
    if comma and following:
        return _given([*following, *words], inverted=True)
    return _given(words, inverted=False)


def _given(words: list[str], *, inverted: bool) -> str:
    titled = False
    while words and _plain(words[0]) in _TITLES:
        words, titled = words[1:], True
    while len(words) > 1 and _plain(words[-1]) in _SUFFIXES:
        words = words[:-1]
    if not words or (titled and len(words) == 1):  # “Dr. Lee”
        return ""
    if not inverted and _family_first([word.lower() for word in words]):
        words = words[1:]
    if (
        "." in words[0].strip(_AROUND)
        or _is_initial(words[0])
        or (not inverted and len(words) > 1 and all(map(_is_initial, words[1:])))
    ):
        return ""
    return words[0].strip(_AROUND)


def _family_first(lower: list[str]) -> bool:
    if len(lower) == 3 and lower[2].endswith(_PATRONYMIC):
        return True
    if len(lower) != 2:
        return False
    if lower[1] in _GIVEN:
        return lower[0] not in _GIVEN
    if not lower[0].endswith(_SURNAME) or lower[0] in _NO_SURNAME:
        return False
    return not lower[1].endswith((*_PATRONYMIC, *_SURNAME))


def _is_initial(word: str) -> bool:
    return len(word.strip(".")) < 2 or re.fullmatch(r"(?:\w\.-?)+", word) is not None


def _words(text: str) -> list[str]:
    return [word for word in text.split() if any(map(str.isalpha, word))]


def _bare(text: str) -> str:
    """Without what is in brackets."""
    return _BRACKETS.sub(" ", text)


def _plain(word: str) -> str:
    return word.strip(_AROUND).replace(".", "").lower()


_SPECIAL = _TITLES | _COMPANIES | _SUFFIXES | {"and", "und"}
