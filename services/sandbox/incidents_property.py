"""What incidents of parks, buildings, vehicles, winter and danger may be: see `incidents_matters`."""

# ruff: noqa: RUF001 - these are the letters of the languages

from services.sandbox.incidents_words import Matter, in_five

PROPERTY: dict[str, tuple[Matter, ...]] = {
    "missed-collection": (
        Matter(
            name="trash",
            stems="trash|garbage|basura|ordure|poubelle|müll|restmüll|垃圾|lixo|rác|قمامة|نفايات|мусор|fatra|쓰레기",
            said=in_five(
                "the trash truck did not come|our bins are still full",
                "no vino el camión de la basura|los botes siguen llenos",
                "le camion n'est pas passé|nos poubelles sont encore pleines",
                "die Müllabfuhr kam nicht|Tonnen sind noch voll",
                "垃圾车没来|垃圾桶还是满的",
            ),
            kinds=("since",),
            wide=True,
        ),
        Matter(
            name="recycling",
            stems="recycl|cardboard|reciclaje|recyclage|altpapier|wertstoff|回收|reciclagem|tái chế|تدوير|"
            "переработ|resikl|재활용",
            said=in_five(
                "recycling was left standing|paper and bottles not taken",
                "no se llevaron el reciclaje|dejaron el cartón",
                "le recyclage n'a pas été ramassé|cartons laissés sur place",
                "Altpapier wurde nicht abgeholt|Wertstoffe stehen noch da",
                "回收物没人收|纸板没被收走",
            ),
            kinds=("since",),
            wide=True,
        ),
    ),
    "park-repair": (
        Matter(
            name="swing",
            stems="swing|columpio|balançoire|schaukel|秋千|balanço|xích đu|أرجوحة|качел|balansin|duyan|그네",
            said=in_five(
                "the swing is broken, chain came off|swing seat is torn",
                "se rompió la cadena del columpio|columpio sin asiento",
                "la chaîne de la balançoire a lâché|balançoire cassée",
                "die Kette der Schaukel ist gerissen|Schaukel kaputt",
                "秋千链子断了|秋千坏了",
            ),
            kinds=("colour", "side"),
        ),
        Matter(
            name="bench",
            stems="bench|banca|banc\\b|bank\\b|parkbank|长椅|长凳|banco|ghế|مقعد|скамей|ban\\b|bangko|벤치",
            said=in_five(
                "a plank of the bench is missing|bench is falling apart",
                "le falta una tabla a la banca|banca rota",
                "il manque une planche au banc|banc cassé",
                "an der Bank fehlt ein Brett|Sitzbank kaputt",
                "长椅少了一块木板|长凳坏了",
            ),
            kinds=("colour", "side", "since"),
        ),
        Matter(
            name="grass",
            stems="grass|mow|weeds|pasto|herbe|gras\\b|rasen|草|grama|cỏ|عشب|трава|газон|zèb|damo|잔디",
            said=in_five(
                "the grass is up to the knees|nobody mows here",
                "el pasto llega a las rodillas|nadie corta el pasto",
                "l'herbe arrive aux genoux|personne ne tond",
                "das Gras steht kniehoch|hier mäht keiner",
                "草长到膝盖了|没人割草",
            ),
            kinds=("side",),
        ),
    ),
    "no-heat": (
        Matter(
            name="heat",
            stems="no heat|heat|boiler|radiator|freezing|furnace|calefacci|caldera|chauffage|chaudière|heizung|"
            "暖气|aquecimento|caldeira|sưởi|تدفئة|отоплен|батаре|котел|chofaj|heater|난방|보일러",
            said=in_five(
                "the radiators are cold|heating is off in the house",
                "los radiadores están fríos|no prende la calefacción",
                "les radiateurs sont froids|plus de chauffage",
                "die Heizkörper bleiben kalt|Heizung ausgefallen",
                "暖气片是凉的|没有暖气",
            ),
            kinds=("since",),
        ),
        Matter(
            name="hot-water",
            stems="no hot water|hot water|lukewarm|agua caliente|eau chaude|warmwasser|warmes wasser|热水|"
            "água quente|nước nóng|ماء ساخن|горяч|dlo cho|mainit na tubig|온수|뜨거운 물",
            said=in_five(
                "only cold water in the shower|no warm water in the building",
                "solo sale agua fría|no hay agua caliente",
                "seulement de l'eau froide|plus d'eau chaude",
                "nur kaltes Wasser in der Dusche|kein warmes Wasser",
                "洗澡只有冷水|没有热水",
            ),
            kinds=("since",),
        ),
    ),
    "unsafe-building": (
        Matter(
            name="facade",
            stems="bricks|falling apart|balcony|scaffold|ladrillos|fachada|briques|façade|ziegel|fassade|砖|外墙|"
            "tijolos|gạch|طوب|кирпич|brik|laryo|벽돌",
            said=in_five(
                "pieces of the facade come down|stones fall from the house",
                "caen pedazos de la fachada|se desprenden piedras del edificio",
                "des morceaux de façade tombent|des pierres tombent de l'immeuble",
                "Teile der Fassade fallen herunter|Steine lösen sich vom Haus",
                "外墙掉砖|楼上往下掉石块",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="vacant",
            stems="abandoned|vacant|casa abandonada|abandonnée|leerstehend|verlassen|空置|废弃|无人居住|abandonada|"
            "bỏ hoang|مهجور|заброшен|abandone|abandonado|빈집|버려진|폐가",
            said=in_five(
                "the empty house stands open|people go in and out of the vacant building",
                "la casa vacía está abierta|entra gente al edificio abandonado",
                "la maison vide est ouverte|des gens entrent dans l'immeuble abandonné",
                "das leere Haus steht offen|Leute gehen im verlassenen Haus ein und aus",
                "空房子门开着|有人进出废弃的楼",
            ),
            kinds=("colour", "since"),
        ),
        Matter(
            name="mold",
            stems="mold|moho|moisissure|schimmel|霉|mofo|nấm mốc|عفن|плесень|mwazi|amag|곰팡이",
            said=in_five(
                "mold all over the walls|black mold, owner does not care",
                "moho en las paredes|el dueño no hace nada con el moho",
                "de la moisissure sur les murs|moisissures, le propriétaire ne fait rien",
                "Schimmel an den Wänden|Schimmel, der Vermieter tut nichts",
                "墙上长满霉|房东不管发霉的墙",
            ),
            kinds=("since",),
        ),
    ),
    "abandoned-vehicle": (
        Matter(
            name="car",
            stems="car\\b|car with|sedan|vehicle|carro|auto\\b|auto aban|voiture|auto|汽车|车|xe hơi|xe ô tô|ô tô|"
            "سيارة|машин|автомоб|machin|kotse|자동차|차가|차량",
            said=in_five(
                "a car that never moves|nobody drives this car any more",
                "un carro que nunca se mueve|auto abandonado",
                "une voiture qui ne bouge plus|voiture laissée là",
                "ein Auto, das nie bewegt wird|Auto steht nur herum",
                "一辆从来不动的汽车|汽车没人要了",
            ),
            kinds=("colour", "side", "since"),
        ),
        Matter(
            name="van",
            stems="van\\b|truck|rv\\b|camioneta|camionnette|fourgon|transporter|lieferwagen|面包车|货车|furgão|"
            "caminhonete",
            said=in_five(
                "an old van left here|van without plates, somebody sleeps in it",
                "una camioneta vieja abandonada|camioneta sin placas",
                "une vieille camionnette abandonnée|fourgon sans plaque",
                "ein alter Lieferwagen abgestellt|Transporter ohne Kennzeichen",
                "一辆旧面包车被丢在这里|没牌照的面包车",
            ),
            kinds=("colour", "side", "since"),
        ),
        Matter(
            name="scooter",
            stems="scooter|motorcycle|trotinette|trottinette|roller|滑板车|摩托|patinete",
            said=in_five(
                "rental scooters lying around|scooters thrown down",
                "patinetes tirados|motos de renta tiradas",
                "trottinettes couchées par terre|trottinettes en vrac",
                "Leihroller liegen herum|E-Scooter umgekippt",
                "共享滑板车乱倒|滑板车扔在地上",
            ),
            kinds=("colour", "count", "side"),
        ),
    ),
    "illegal-parking": (
        Matter(
            name="driveway",
            stems="driveway|entrada|cochera|garage|sortie|einfahrt|ausfahrt|车道|garagem|lối vào|مدخل|въезд|выезд|"
            "antre|garahe|진입로|차고",
            said=in_five(
                "I cannot get out of my driveway|someone parked across my driveway",
                "no puedo salir de mi cochera|taparon mi entrada",
                "je ne peux pas sortir de mon garage|quelqu'un bloque ma sortie",
                "ich komme nicht aus der Einfahrt|jemand parkt die Ausfahrt zu",
                "车库出口被堵|我的车道被挡住了",
            ),
            kinds=("colour", "side"),
        ),
        Matter(
            name="bike-lane",
            stems="bike lane|double park|doble fila|ciclov|double file|piste cyclable|zweite|radweg|自行车道|双排|"
            "fila dupla|ciclovia|làn xe đạp|صف ثان|велодорож|вторым ряд|doub|dobleng|이중|자전거",
            said=in_five(
                "truck stands in the bike lane|double parked, bikes have to swerve",
                "camión parado en la ciclovía|estacionado en doble fila",
                "camion arrêté sur la piste cyclable|garé en double file",
                "Laster steht auf dem Radweg|parkt in zweiter Reihe",
                "卡车停在自行车道|双排停车",
            ),
            kinds=("colour", "side"),
        ),
        Matter(
            name="sidewalk",
            stems="sidewalk|crosswalk|banqueta|acera|trottoir|gehweg|bürgersteig|人行道|calçada|vỉa hè|رصيف|"
            "тротуар|twotwa|bangketa|인도",
            said=in_five(
                "parked right on the sidewalk|no room to walk, a car stands there",
                "estacionado sobre la acera|no se puede caminar por un carro",
                "garé sur le trottoir|plus de place pour marcher",
                "parkt auf dem Gehweg|kein Platz zum Gehen",
                "车停在人行道上|车占了人行道，没法走",
            ),
            kinds=("colour", "count", "side"),
        ),
    ),
    "snow-ice": (
        Matter(
            name="snow",
            stems="plow|plough|snow|nieve|neige|schnee|geräumt|雪|neve|tuyết|ثلج|снег|nèj|niyebe|눈",
            said=in_five(
                "nobody has cleared the snow|plow has not been here",
                "nadie ha limpiado la nieve|no ha pasado la quitanieves",
                "personne n'a déneigé|la déneigeuse n'est pas passée",
                "hier ist nicht geräumt|der Schneepflug war nicht da",
                "没人清雪|铲雪车没来",
            ),
            kinds=("depth", "side"),
            wide=True,
        ),
        Matter(
            name="ice",
            stems="ice|icy|salt|slippery|hielo|sal\\b|verglas|glace|eis\\b|glatt|冰|gelo|băng|جليد|лёд|лед|гололед|"
            "glas|yelo|얼음|빙판",
            said=in_five(
                "solid ice, people slip|needs salt, like a mirror",
                "puro hielo, la gente se resbala|falta sal",
                "verglas, on glisse|il faut du sel",
                "spiegelglatt, man rutscht aus|hier fehlt Streusalz",
                "结冰了，很滑|需要撒盐",
            ),
            kinds=("side",),
            wide=True,
        ),
    ),
    "gas-smell": (
        Matter(
            said=in_five(
                "it smells of gas here|strong odor of gas",
                "huele a gas aquí|fuerte olor a gas",
                "ça sent le gaz ici|forte odeur de gaz",
                "hier riecht es nach Gas|starker Gasgeruch",
                "这里有煤气味|煤气味很重",
            ),
            kinds=("side",),
            wide=True,
        ),
    ),
    "wires-down": (
        Matter(
            name="transformer",
            stems="transform|explot|trafo|变压器|biến áp|máy biến|محول|трансформатор|변압기",
            said=in_five(
                "the transformer blew up with a bang|fire on the electric pole",
                "tronó el transformador|se quema el poste",
                "le transformateur a explosé|le poteau électrique brûle",
                "der Transformator ist explodiert|der Strommast brennt",
                "变压器炸了|电线杆着火了",
            ),
            kinds=("side",),
        ),
        Matter(
            said=in_five(
                "an electric cable hangs down|cable lies on the ground",
                "hay un cable colgando|cable tirado en el suelo",
                "un câble électrique pend|câble par terre",
                "ein Stromkabel hängt herunter|Kabel liegt am Boden",
                "有电线垂下来|电线掉在地上",
            ),
            kinds=("side",),
        ),
    ),
    "sinkhole": (
        Matter(
            name="slope",
            stems="wall|bridge|hillside|landslide|muro|puente|mur\\b|pont\\b|mauer|brücke|hang\\b|墙|桥|ponte|tường|cầu|"
            "جدار|جسر|стен|мост|mi\\b|pon\\b|pader|tulay|옹벽|다리|교량",
            said=in_five(
                "the wall above the road is coming down|earth slides onto the road",
                "se viene abajo el muro de contención|deslave sobre la calle",
                "le mur de soutènement s'écroule|glissement de terrain sur la route",
                "die Stützmauer gibt nach|Erdrutsch auf die Straße",
                "挡土墙要倒了|山坡滑到路上",
            ),
            kinds=("side",),
        ),
        Matter(
            said=in_five(
                "the ground has given way|the road is sinking in",
                "se hundió el suelo|la calle se está hundiendo",
                "le sol s'est affaissé|la chaussée s'enfonce",
                "der Boden ist eingebrochen|die Straße sackt ab",
                "地面塌了|路面在下陷",
            ),
            kinds=("size", "depth", "side"),
        ),
    ),
}
