"""Addresses by language: kinds of street, abbreviations, numerals, particles, words of place.

Words are in the shape that `spelling.plain` gives: small letters without marks. Sources: USPS Publication 28, appendix
C (street suffixes, directionals, unit designators); the kinds of street in the national street registers of Italy
(ANNCSU), Spain (INE) and France (BAN); UPU S42 templates for the order of street and number.
"""

from collections.abc import Mapping
from types import MappingProxyType

from services.places.addresses.words import ANY, Convention, merged


def _table(lines: str) -> Mapping[str, str]:
    """Read lines of `word: abbreviation abbreviation ...` into a table from abbreviation to word."""
    found: dict[str, str] = {}
    for line in lines.strip().splitlines():
        word, _, shorts = line.strip().partition(":")
        for short in (word, *shorts.split()):
            found.setdefault(short, word)
    return MappingProxyType(found)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _counted(text: str, start: int = 1) -> dict[str, str]:
    return {word: str(number) for number, word in enumerate(text.split(), start)}


_EN_TENS = {"twent": 20, "thirt": 30, "fort": 40, "fift": 50, "sixt": 60, "sevent": 70, "eight": 80, "ninet": 90}
_ENGLISH = Convention(
    kinds=_table(
        """
        street: st str streets strt
        avenue: ave av aven avenues
        road: rd roads
        drive: dr drv
        lane: ln
        place: pl
        court: ct crt
        boulevard: blvd boul blv
        terrace: ter terr
        parkway: pkwy pky pwy
        square: sq sqr
        circle: cir circ
        highway: hwy hiway
        route: rte rt
        alley: aly
        way: wy
        crescent: cres crescents
        close: cl
        trail: trl
        turnpike: tpke tpk
        expressway: expy expwy
        freeway: fwy
        plaza: plz
        heights: hts
        extension: ext extn
        gardens: gdns
        grove: grv
        mews:
        row:
        walk:
        quay:
        hill:
        park:
        loop:
        bridge: brg
        """
    ),
    kind_last=True,
    number_first=True,
    directions=_table(
        "north: n\nsouth: s\neast: e\nwest: w\nnortheast: ne\nnorthwest: nw\nsoutheast: se\nsouthwest: sw"
    ),
    saints=_words("saint st"),
    particles=_words("the of"),
    numerals=_counted(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth"
    )
    | {f"{word}{end}": str(number) for word, number in _EN_TENS.items() for end in ("y", "ieth")},
    roman=False,
    titles=_table("doctor: dr\nmount: mt\nfort: ft\njunior: jr\nmartin luther king: mlk"),
    joins=_words("and at x near by off"),
    relations=_phrases(
        "at the corner of, the corner of, corner of, corner, intersection of, the intersection of, "
        "junction of, in front of, across from, across the street from, opposite, next to, near, "
        "close to, between, behind, beside, outside, by, at"
    ),
    units=_words("apt apartment unit suite ste fl floor flr rm room bldg building flat lot"),
    numbering=_words("no number num nr block"),
)
_ITALIAN = Convention(
    kinds=_table(
        """
        via: v
        viale: vle
        corso: cso
        piazza: pza pzza pz
        piazzale: ple pzle
        piazzetta: ptta
        largo: lgo
        strada: str
        vicolo: vic
        lungo:
        spalto:
        salita: sal
        borgo: bgo
        localita: loc
        frazione: fraz
        contrada: cda
        rione:
        vico:
        galleria:
        passeggiata:
        ponte:
        circonvallazione: circ
        """
    ),
    kind_last=False,
    number_first=False,
    saints=_words("san santo santa sant s ss santi ssma santissima"),
    particles=_words("di del della dei degli delle dell d da dal dalla al alla alle ai in de e la le il lo gli l a"),
    numerals=_counted(
        "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
        "diciassette diciotto diciannove venti ventuno ventidue ventitre ventiquattro venticinque ventisei ventisette "
        "ventotto ventinove trenta trentuno"
    )
    | _counted("primo secondo terzo quarto quinto sesto settimo ottavo nono decimo"),
    titles=_table("generale: gen\ndottore: dott\nprofessore: prof\nmonsignore: mons\ndon:\nmartiri: mart\ndottor: dr"),
    joins=_words("e angolo ang incrocio"),
    relations=_phrases(
        "all angolo di, angolo, tra, incrocio, davanti a, davanti al, davanti alla, di fronte a, "
        "di fronte al, di fronte alla, vicino a, vicino al, vicino alla, presso, dietro"
    ),
    units=_words("int interno scala sc piano pno palazzina pal lotto"),
    numbering=_words("n nr num numero civico civ snc no"),
)
_SPANISH = Convention(
    kinds=_table(
        """
        calle: c cl cll
        avenida: av avda avd ave
        paseo: po pso p
        plaza: pl pza plza
        carretera: ctra carr
        camino: cno cmno
        glorieta: gta glta
        ronda: rda
        travesia: trva trav tr
        callejon: cjon
        bulevar: blvr bulev
        costanilla: cost
        pasaje: pje psje
        cuesta: cta
        parque: pque
        autovia: autov
        plazuela: plzla
        via:
        calzada: calz
        jardin: jdn
        senda:
        """
    ),
    kind_last=False,
    number_first=False,
    saints=_words("san santo santa sta sto s"),
    particles=_words("de del la las los el y a al e"),
    numerals=_counted(
        "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete "
        "dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco veintiseis veintisiete "
        "veintiocho veintinueve treinta"
    )
    | _counted("primero segundo tercero"),
    titles=_table(
        "doctor: dr\ndoctora: dra\ngeneral: gral\nnuestra senora: ntra\nprofesor: prof\nmaria: ma \ndon: d\ndona: da"
    ),
    joins=_words("y e con esquina esq"),
    relations=_phrases(
        "en la esquina de, esquina de, entre, esquina, cruce de, frente a, frente al, enfrente de, "
        "enfrente del, cerca de, cerca del, junto a, junto al, al lado de, al lado del, detras de"
    ),
    units=_words("piso pta puerta esc escalera bajo bj portal planta local apto depto"),
    numbering=_words("n num numero no nro"),
)
_FRENCH = Convention(
    kinds=_table(
        """
        rue: r
        avenue: av ave
        boulevard: bd blvd bld boul
        place: pl
        chemin: ch che chem
        route: rte
        quai: q
        allee: all
        impasse: imp
        square: sq
        cours: crs
        passage: pass
        sentier: sent
        esplanade: esp
        faubourg: fg fbg
        ruelle: rle
        rondpoint: rpt
        """
    ),
    kind_last=False,
    number_first=True,
    saints=_words("saint sainte st ste saints"),
    particles=_words("de du des la le les l d a au aux et en sur"),
    numerals=_counted("un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize")
    | {"vingt": "20", "premier": "1", "premiere": "1", "1er": "1", "1ere": "1"},
    titles=_table("docteur: dr\ngeneral: gal gen\nmarechal: mal\nprofesseur: pr prof"),
    joins=_words("et angle"),
    relations=_phrases(
        "a l angle de, entre, a l angle de la, angle, croisement de, devant, en face de, en face du, "
        "en face de la, pres de, pres du, a cote de, a cote du, derriere"
    ),
    units=_words("apt appt appartement bat batiment etage esc escalier porte bte"),
    numbering=_words("n no num numero"),
)
_GERMAN = Convention(
    kinds=_table(
        """
        strasse: str strase
        platz: pl
        weg:
        gasse: g
        allee:
        ring:
        damm:
        ufer:
        chaussee: ch
        steig:
        stieg:
        brucke: br
        promenade:
        pfad:
        markt:
        """
    ),
    kind_last=True,
    number_first=False,
    glued=("strasse", "str", "platz", "gasse", "allee", "chaussee", "damm", "ufer", "ring", "weg", "steig"),
    saints=_words("sankt st"),
    particles=_words("am an der dem den die das im in zum zur auf bei von vor unter und"),
    numerals=_counted("erste zweite dritte vierte funfte sechste siebte achte neunte zehnte")
    | _counted("ersten zweiten dritten vierten funften sechsten"),
    titles=_table("doktor: dr\nprofessor: prof"),
    joins=_words("und ecke"),
    relations=_phrases(
        "an der ecke, zwischen, ecke, kreuzung, vor dem, vor der, gegenuber, gegenuber dem, "
        "gegenuber der, neben dem, neben der, nahe, beim, hinter dem, hinter der, vor"
    ),
    units=_words("whg wohnung stock etage og eg hinterhaus hh aufgang"),
    numbering=_words("nr nummer hausnummer no hausnr"),
)
_PORTUGUESE = Convention(
    kinds=_table(
        """
        rua: r
        avenida: av avda
        praca: pc pca
        travessa: tv trav
        alameda: al
        largo: lg
        estrada: est estr
        rodovia: rod
        beco: bc
        calcada: cc
        campo:
        ladeira: lad
        viela:
        quadra: qd
        """
    ),
    kind_last=False,
    number_first=False,
    saints=_words("sao santo santa s sta sto"),
    particles=_words("de da do das dos e a o"),
    numerals=_counted(
        "um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito "
        "dezenove vinte"
    )
    | _counted("primeiro segundo terceiro"),
    titles=_table("doutor: dr\ndoutora: dra\ngeneral: gen gal\nprofessor: prof\nengenheiro: eng\nnossa senhora: nsra"),
    joins=_words("e com esquina"),
    relations=_phrases(
        "na esquina de, entre, esquina de, esquina, em frente a, em frente ao, perto de, perto do, "
        "perto da, ao lado de, ao lado do, ao lado da, atras de"
    ),
    units=_words("apto ap andar bloco bl sala casa lote fundos"),
    numbering=_words("n no num numero"),
)
_HUNGARIAN = Convention(
    kinds=_table(
        """
        utca: u utcaja
        ut: utja
        ter: tere
        korut: krt korutja
        setany: stny setanya
        koz: koze
        fasor: fasora
        sor: sora
        sugarut: sgt sugarutja
        rakpart: rkp rakpartja
        liget: ligete
        dulo: duloje
        park: parkja
        hid: hidja
        lejto: lejtoje
        kert: kertje
        lepcso: lepcsoje
        """
    ),
    kind_last=True,
    number_first=False,
    saints=_words("szent szt"),
    particles=_words("a az"),
    numerals=_counted("elso masodik harmadik negyedik otodik hatodik hetedik nyolcadik kilencedik tizedik"),
    titles=_table("doktor: dr\nistvan: istv\nszazados: szds"),
    joins=_words("es sarok sarka"),
    relations=("kozeleben", "mellett", "elott"),
    units=_words("em emelet fsz foldszint ajto lph lepcsohaz"),
    numbering=_words("sz szam hsz"),
)
CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "en": _ENGLISH,
        "it": _ITALIAN,
        "es": _SPANISH,
        "fr": _FRENCH,
        "de": _GERMAN,
        "pt": _PORTUGUESE,
        "hu": _HUNGARIAN,
    }
)


def convention(languages: tuple[str, ...]) -> Convention:
    """Give the convention of a city that writes its streets in these languages (BCP 47); the first goes before.

    A language that is not in the table adds nothing.
    """
    codes = dict.fromkeys(tag.split("-")[0].lower() for tag in languages)
    known = [CONVENTIONS[code] for code in codes if code in CONVENTIONS]
    return merged(known) if known else ANY
