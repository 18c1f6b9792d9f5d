"""The forms of captions: for each language and arrangement, ways to say the same.

A, B and C are the groups of a scene in its order: from left to right, or from top to bottom. A caption names them in that order, or says
before that it does not: otherwise which one comes first would be a throw of a coin that no picture can tell. In English {is} and {this} agree with
the group that is named first.
"""

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}

FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "alone": (
            "A",
            "there {is} A",
            "{this} A",
            "a picture of A",
            "you can see A",
            "here {is} A",
            "A and nothing else",
        ),
        "beside": (
            "A left of B",
            "A to the left of B",
            "there {is} A to the left of B",
            "A on the left and B on the right",
            "on the left {is} A and on the right B",
            "from left to right: A and B",
        ),
        "above": (
            "A above B",
            "A over B",
            "there {is} A above B",
            "A at the top and B at the bottom",
            "at the top {is} A and at the bottom B",
            "from top to bottom: A and B",
        ),
        "row": (
            "A, B and C from left to right",
            "from left to right: A, B, C",
            "from right to left: C, B, A",
            "A on the left, B in the middle and C on the right",
            "on the left {is} A, in the middle B and on the right C",
        ),
        "column": (
            "A, B and C from top to bottom",
            "from top to bottom: A, B, C",
            "from bottom to top: C, B, A",
            "A at the top, B in the middle and C at the bottom",
            "at the top {is} A, in the middle B and at the bottom C",
        ),
    },
    "de": {
        "alone": ("A", "zu sehen: A", "im Bild: A", "nur A", "hier: A", "A und sonst nichts"),
        "beside": (
            "A links von B",
            "links A, rechts B",
            "rechts B, links A",
            "A links und B rechts",
            "von links nach rechts: A, B",
        ),
        "above": (
            "A über B",
            "oben A, unten B",
            "unten B, oben A",
            "A oben und B unten",
            "von oben nach unten: A, B",
        ),
        "row": (
            "A, B und C von links nach rechts",
            "von links nach rechts: A, B, C",
            "von rechts nach links: C, B, A",
            "links A, in der Mitte B, rechts C",
            "A links, B in der Mitte und C rechts",
        ),
        "column": (
            "A, B und C von oben nach unten",
            "von oben nach unten: A, B, C",
            "von unten nach oben: C, B, A",
            "oben A, in der Mitte B, unten C",
            "A oben, B in der Mitte und C unten",
        ),
    },
    "es": {
        "alone": ("A", "se ve: A", "en la imagen: A", "solo A", "aquí: A", "A y nada más"),
        "beside": (
            "A a la izquierda de B",
            "a la izquierda A, a la derecha B",
            "a la derecha B, a la izquierda A",
            "de izquierda a derecha: A, B",
            "de derecha a izquierda: B, A",
        ),
        "above": (
            "A encima de B",
            "arriba A, abajo B",
            "abajo B, arriba A",
            "de arriba abajo: A, B",
            "de abajo arriba: B, A",
        ),
        "row": (
            "A, B, C de izquierda a derecha",
            "de izquierda a derecha: A, B, C",
            "de derecha a izquierda: C, B, A",
            "a la izquierda A, en el centro B, a la derecha C",
            "a la derecha C, en el centro B, a la izquierda A",
        ),
        "column": (
            "A, B, C de arriba abajo",
            "de arriba abajo: A, B, C",
            "de abajo arriba: C, B, A",
            "arriba A, en el centro B, abajo C",
            "abajo C, en el centro B, arriba A",
        ),
    },
    "fr": {
        # "à gauche de" would need articles and elisions.
        "alone": ("A", "on voit : A", "dans l'image : A", "seulement A", "ici : A", "A et rien d'autre"),
        "beside": (
            "à gauche A, à droite B",
            "à droite B, à gauche A",
            "A à gauche et B à droite",
            "de gauche à droite : A, B",
            "de droite à gauche : B, A",
        ),
        "above": (
            "en haut A, en bas B",
            "en bas B, en haut A",
            "A en haut et B en bas",
            "de haut en bas : A, B",
            "de bas en haut : B, A",
        ),
        "row": (
            "A, B et C de gauche à droite",
            "de gauche à droite : A, B, C",
            "de droite à gauche : C, B, A",
            "à gauche A, au milieu B, à droite C",
            "A à gauche, B au milieu et C à droite",
        ),
        "column": (
            "A, B et C de haut en bas",
            "de haut en bas : A, B, C",
            "de bas en haut : C, B, A",
            "en haut A, au milieu B, en bas C",
            "A en haut, B au milieu et C en bas",
        ),
    },
    "it": {
        "alone": ("A", "si vede: A", "nell'immagine: A", "solo A", "qui: A", "A e nient'altro"),
        "beside": (
            "A a sinistra di B",
            "a sinistra A, a destra B",
            "a destra B, a sinistra A",
            "da sinistra a destra: A, B",
            "da destra a sinistra: B, A",
        ),
        "above": (
            "A sopra B",
            "in alto A, in basso B",
            "in basso B, in alto A",
            "dall'alto in basso: A, B",
            "dal basso in alto: B, A",
        ),
        "row": (
            "A, B, C da sinistra a destra",
            "da sinistra a destra: A, B, C",
            "da destra a sinistra: C, B, A",
            "a sinistra A, al centro B, a destra C",
            "a destra C, al centro B, a sinistra A",
        ),
        "column": (
            "A, B, C dall'alto in basso",
            "dall'alto in basso: A, B, C",
            "dal basso in alto: C, B, A",
            "in alto A, al centro B, in basso C",
            "in basso C, al centro B, in alto A",
        ),
    },
    "pt": {
        "alone": ("A", "vê-se: A", "na imagem: A", "só A", "aqui: A", "A e nada mais"),
        "beside": (
            "A à esquerda de B",
            "à esquerda A, à direita B",
            "à direita B, à esquerda A",
            "da esquerda para a direita: A, B",
            "da direita para a esquerda: B, A",
        ),
        "above": (
            "A acima de B",
            "em cima A, embaixo B",
            "embaixo B, em cima A",
            "de cima para baixo: A, B",
            "de baixo para cima: B, A",
        ),
        "row": (
            "A, B, C da esquerda para a direita",
            "da esquerda para a direita: A, B, C",
            "da direita para a esquerda: C, B, A",
            "à esquerda A, no meio B, à direita C",
            "à direita C, no meio B, à esquerda A",
        ),
        "column": (
            "A, B, C de cima para baixo",
            "de cima para baixo: A, B, C",
            "de baixo para cima: C, B, A",
            "em cima A, no meio B, embaixo C",
            "embaixo C, no meio B, em cima A",
        ),
    },
}

# None of them has a gender to agree with. English has its adjectives before the noun.
SIZE_PHRASES = {
    "de": {"small": "in klein", "large": "in groß"},
    "es": {"small": "de tamaño pequeño", "large": "de tamaño grande"},
    "fr": {"small": "de petite taille", "large": "de grande taille"},
    "it": {"small": "di piccole dimensioni", "large": "di grandi dimensioni"},
    "pt": {"small": "de tamanho pequeno", "large": "de tamanho grande"},
}


def _backgrounds(before: str, after: str, colours: str, places: str) -> dict[str, str]:
    names = ("white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black")
    phrases = dict(zip(names, (before + colour + after for colour in colours.split(",")), strict=True))
    phrases.update(zip(("grass", "sand", "sky", "night", "snow", "water"), places.split(","), strict=True))
    return phrases


BACKGROUND_PHRASES = {
    # The article is that of the colour.
    "en": _backgrounds(
        "on ",
        " background",
        "a white,a grey,a red,an orange,a yellow,a green,a blue,a purple,a pink,a brown,a black",
        "on grass,on sand,in the sky,at night,in the snow,on water",
    ),
    "de": _backgrounds(
        "auf ",
        " Hintergrund",
        "weißem,grauem,rotem,orangefarbenem,gelbem,grünem,blauem,violettem,rosafarbenem,braunem,schwarzem",
        "auf Gras,auf Sand,am Himmel,bei Nacht,im Schnee,auf Wasser",
    ),
    "es": _backgrounds(
        "sobre fondo ",
        "",
        "blanco,gris,rojo,naranja,amarillo,verde,azul,morado,rosa,marrón,negro",
        "sobre hierba,sobre arena,en el cielo,de noche,en la nieve,sobre agua",
    ),
    "fr": _backgrounds(
        "sur fond ",
        "",
        "blanc,gris,rouge,orange,jaune,vert,bleu,violet,rose,marron,noir",
        "sur l'herbe,sur le sable,dans le ciel,de nuit,dans la neige,sur l'eau",
    ),
    "it": _backgrounds(
        "su sfondo ",
        "",
        "bianco,grigio,rosso,arancione,giallo,verde,blu,viola,rosa,marrone,nero",
        "sull'erba,sulla sabbia,nel cielo,di notte,nella neve,sull'acqua",
    ),
    "pt": _backgrounds(
        "em fundo ",
        "",
        "branco,cinza,vermelho,laranja,amarelo,verde,azul,roxo,rosa,marrom,preto",
        "na grama,na areia,no céu,à noite,na neve,na água",
    ),
}
