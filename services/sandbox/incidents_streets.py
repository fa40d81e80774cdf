"""What incidents of roads, lighting, signals and water may be: see `incidents_matters`."""

# ruff: noqa: RUF001 - these are the letters of the languages

from services.sandbox.incidents_words import Matter, in_five

STREETS: dict[str, tuple[Matter, ...]] = {
    "pothole": (
        Matter(
            said=in_five(
                "deep hole in the road|the asphalt has broken away, cars slam into it|nasty pothole, watch your wheels",
                "hoyo profundo en la calle|se rompió el asfalto y los carros caen en él",
                "trou profond dans la chaussée|le bitume s'est effondré, les voitures tapent dedans",
                "tiefes Loch in der Fahrbahn|Asphalt aufgebrochen, Autos krachen hinein",
                "路面有个深坑|柏油路面破了，车子一直颠",
            ),
            kinds=("size", "depth", "side", "since"),
        ),
    ),
    "sidewalk": (
        Matter(
            stems="sidewalk|side walk|slab|pav|concrete|curb|trip|acera|banqueta|losas|trottoir|dalles|gehweg|"
            "pflaster|calçada|passeio|人行道|便道|via he|vỉa hè|الرصيف|тротуар|плитк|twotwa|bangketa|보도|"
            "인도",
            said=in_five(
                "the pavement is broken and people trip|uneven slabs, somebody will fall",
                "la acera está rota y la gente se tropieza|losas desniveladas",
                "le trottoir est abîmé, on trébuche|dalles inégales",
                "der Gehweg ist kaputt, man stolpert|Platten stehen hoch",
                "人行道破损，行人容易绊倒|地砖高低不平",
            ),
            kinds=("size", "side", "since"),
        ),
    ),
    "street-light": (
        Matter(
            name="out",
            said=in_five(
                "lamp does not come on at night|the street lamp is dead",
                "la lámpara no prende de noche|farol apagado",
                "la lampe ne s'allume plus la nuit|lampadaire éteint",
                "die Lampe geht nachts nicht an|Laterne ist aus",
                "路灯晚上不亮了|这盏路灯坏了",
            ),
            kinds=("pole", "side", "since"),
        ),
        Matter(
            name="by-day",
            stems="all day|during the day|burning|de día|en plein jour|tagsüber|白天",
            said=in_five(
                "street light burns in broad daylight|the lamp is never switched off",
                "la luz está prendida de día|el farol no se apaga nunca",
                "le lampadaire reste allumé en plein jour|la lampe ne s'éteint jamais",
                "die Laterne brennt am hellen Tag|die Lampe geht nie aus",
                "路灯白天也亮着|路灯一直不灭",
            ),
            kinds=("pole", "side", "since"),
        ),
        Matter(
            name="flickers",
            stems="flicker|on and off|parpadea|clignot|flacker|闪|pisca|chop tat|chớp|يومض|мига|limen etenn|"
            "kumukurap|깜빡",
            said=in_five(
                "the lamp keeps blinking at night|light goes on and off like a disco",
                "la luz se prende y se apaga|el poste parpadea",
                "le lampadaire s'allume et s'éteint sans arrêt|lumière qui clignote",
                "Lampe geht ständig an und aus|Laterne flackert",
                "路灯忽明忽暗|灯一直在闪",
            ),
            kinds=("pole", "side", "since"),
        ),
        Matter(
            name="pole",
            stems="pole is|pole was|post is|lean|cover of|exposed|hanging|rust",
            said=in_five(
                "light pole is leaning after a crash|lamp post bent over",
                "el poste de luz está inclinado|poste de alumbrado chocado",
                "le poteau du lampadaire penche|lampadaire tordu",
                "Laternenmast steht schief|Mast der Laterne verbogen",
                "路灯杆歪了|灯柱被撞斜了",
            ),
            kinds=("pole", "side", "since"),
        ),
        Matter(
            name="block",
            stems="block|all street lights|no street lights|cuadra|toda la|toute la rue|ganze straße|整条|inteira|"
            "cả dãy|كله|вся улица|tout ri|buong kalye|골목",
            said=in_five(
                "all the lights are out, it is completely dark|no lamp works, the neighborhood is dark",
                "todo el barrio está a oscuras|no hay alumbrado en toda la zona",
                "tout le quartier est dans le noir|plus aucun lampadaire ne marche",
                "das ganze Viertel ist dunkel|keine einzige Laterne brennt mehr",
                "整个街区一片漆黑|所有路灯都不亮",
            ),
            kinds=("since",),
            wide=True,
        ),
    ),
    "traffic-signal": (
        Matter(
            name="dark",
            stems="dark|is out|not working|lights out|no power|apagado|descompuesto|no funciona|éteint|panne|aus|"
            "ausgefallen|不亮|坏|hỏng|tắt|معطل|مطفأ|не работ|pa mache|etenn|sira|patay|고장|꺼",
            said=in_five(
                "the traffic lights are off|no signal at the crossing, cars go as they like",
                "no hay semáforo, los carros pasan como quieren|semáforos sin luz",
                "les feux sont éteints|plus de feux au carrefour",
                "die Ampel ist ausgefallen|Ampel ohne Strom",
                "红绿灯不亮|路口信号灯没电",
            ),
            kinds=("since",),
        ),
        Matter(
            name="stuck",
            stems="stuck|all directions have red|trabado|bloqué|hängt|卡|travado|kẹt|عالق|застрял|завис|bloke|멈",
            said=in_five(
                "the light never changes|red forever, nobody gets through",
                "el semáforo no cambia|se quedó en rojo",
                "le feu reste au rouge|le feu ne change jamais",
                "die Ampel bleibt rot|Ampel schaltet nicht um",
                "信号灯一直是红灯|红灯不变",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="button",
            stems="walk |pedestrian|button|crossing|peaton|piéton|fußgänger|pedestre|行人|đi bộ|المشاة|пешеход|"
            "pyeton|tawiran|보행",
            said=in_five(
                "the walk button does not react|no green for people on foot",
                "el botón del cruce no responde|nunca da verde a los peatones",
                "le bouton piéton ne répond pas|jamais vert pour les piétons",
                "der Knopf für Fußgänger geht nicht|kein Grün für Fußgänger",
                "行人按钮没反应|行人灯一直不变绿",
            ),
            kinds=("side", "since"),
        ),
    ),
    "street-sign": (
        Matter(
            name="stop",
            stems="stop sign|de alto|panneau stop|stoppschild|pare|停车标志|stop",
            said=in_five(
                "the stop sign is gone|stop sign is lying on the ground",
                "no está la señal de alto|la señal de alto está en el suelo",
                "le panneau stop a disparu|le stop est couché par terre",
                "das Stoppschild fehlt|Stoppschild liegt am Boden",
                "停车让行标志不见了|停车标志倒在地上",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="lines",
            stems="crosswalk|lines|marking|paso de peatones|rayas|passage|marquage|zebra|markierung|斑马线|标线|faixa",
            said=in_five(
                "the crosswalk has faded away|road paint is gone",
                "ya no se ve el cruce de peatones|se borró la pintura",
                "on ne voit plus le passage piéton|marquage au sol disparu",
                "der Zebrastreifen ist abgefahren|Markierung kaum zu sehen",
                "斑马线看不清了|路面标线磨没了",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="name",
            stems="name sign|street sign|deliveries|nombre|nom de la rue|straßenschild|straßenname|路名|街名|"
            "nome da rua",
            said=in_five(
                "the sign with the street name is missing|no street name here",
                "falta el letrero de la calle|no hay nombre de la calle",
                "la plaque de rue manque|plus de nom de rue",
                "das Straßenschild fehlt|kein Straßenname mehr",
                "路名牌不见了|没有街道名牌",
            ),
            kinds=("side", "since"),
        ),
    ),
    "storm-drain": (
        Matter(
            name="clogged",
            stems="clog|block|leaves|clean|mud|stuffed|plugged|tapada|coladera|bloqueado|bouch|feuille|verstopf|"
            "laub|堵|entupid|nghẹt|nghet|tắc|مسدود|забит|bouche|barado|막",
            said=in_five(
                "the drain is full of leaves and water stands|inlet packed with trash",
                "el desagüe está lleno de hojas|la coladera no traga agua",
                "la bouche d'égout est pleine de feuilles|l'eau ne s'écoule plus",
                "Gully voller Laub, Wasser steht|Abfluss verstopft",
                "下水口被树叶堵住|排水口堵了，积水",
            ),
            kinds=("side", "since", "depth"),
        ),
        Matter(
            name="grate",
            stems="grate|cover|rejilla|sin tapa|grille|plaque|gitter|deckel|盖|篦|tampa|grelha|nắp|غطاء|решётк|"
            "люк|kouvèti|takip|덮개|뚜껑",
            said=in_five(
                "the drain has no grate, open hole|cover of the drain is gone",
                "falta la tapa del drenaje|alcantarilla destapada",
                "il manque la grille de l'égout|trou ouvert, plus de plaque",
                "Gitter vom Gully fehlt|Deckel weg, offenes Loch",
                "下水道盖板不见了|井盖缺失",
            ),
            kinds=("size", "side", "since"),
        ),
    ),
    "street-flooding": (
        Matter(
            stems="street|road|flood|water|calle|inunda|rue|inond|straße|überflut|rua|alagad|水|淹|ngập|ngap|"
            "الشارع|улиц|дорог|lari|inonde|dlo|baha|침수|도로",
            said=in_five(
                "the road is under water|water everywhere, cars get stuck",
                "la calle está bajo el agua|agua por todas partes",
                "la route est sous l'eau|de l'eau partout, on ne passe plus",
                "die Straße steht unter Wasser|überall Wasser, Autos bleiben stehen",
                "马路被水淹了|到处是水，车过不去",
            ),
            kinds=("depth", "since"),
            wide=True,
        ),
    ),
    "water-leak": (
        Matter(
            name="hydrant",
            stems="hydrant|hidrante|bouche d'incendie|消防栓|消火栓|hiđrăng|họng cứu hỏa|صنبور|гидрант|idran|소화전",
            said=in_five(
                "the hydrant is leaking|water pours out of the hydrant",
                "el hidrante gotea mucho|sale agua del hidrante",
                "la borne d'incendie fuit|de l'eau coule de la borne",
                "der Hydrant ist undicht|Wasser läuft aus dem Hydranten",
                "消防栓漏水|消防栓一直在流水",
            ),
            kinds=("pole", "colour", "side", "since"),
        ),
        Matter(
            name="main",
            stems="main|burst|pipe|bubbling|gush|leak in|leaking from|fuga|tub|fuite|conduite|rohr|leitung|水管|"
            "vazamento|cano|vỡ ống|ống nước|تسرب|ماسورة|прорв|труб|tiyo|tubo|수도관|누수",
            said=in_five(
                "water comes up through the asphalt|a pipe has burst under the road",
                "brota agua del pavimento|se reventó una tubería",
                "de l'eau sort de la chaussée|une conduite a éclaté",
                "Wasser kommt aus dem Asphalt|Wasserrohrbruch",
                "路面往外冒水|水管爆了",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="none",
            stems="no water|no hay agua|no tenemos agua|plus d'eau|pas d'eau|kein wasser|停水|没有水|没水|sem água|"
            "không có nước|mất nước|لا يوجد ماء|нет воды|pa gen dlo|walang tubig|물이 안",
            said=in_five(
                "nothing comes out of the tap|the water is off in the whole building",
                "no sale agua de la llave|estamos sin agua",
                "rien ne sort du robinet|coupure d'eau",
                "aus dem Hahn kommt nichts|Wasser ist weg",
                "水龙头没水|整栋楼停水",
            ),
            kinds=("since",),
            wide=True,
        ),
    ),
    "sewer-backup": (
        Matter(
            name="inside",
            stems="basement|toilet|bathtub|house|cellar|sótano|baño|se regresa|cave|toilettes|keller|toilette|"
            "地下室|马桶|porão|banheiro|tầng hầm|القبو|подвал|twalèt|banyo|지하",
            said=in_five(
                "dirty water comes back up in the cellar|sewage in our bathroom",
                "el agua sucia se regresa en el baño|aguas negras dentro de la casa",
                "les égouts refoulent à la cave|eau sale dans la salle de bain",
                "Abwasser drückt in den Keller|Kanal läuft im Bad zurück",
                "污水倒灌进地下室|卫生间返污水",
            ),
            kinds=("depth", "since"),
        ),
        Matter(
            name="outside",
            stems="manhole|street|smell|alley|overflow|cloaca|en la calle|olor|odeur|égout|rue|geruch|stinkt|"
            "straße|臭|街|cheiro|rua|mùi|hôi|رائحة|воня|запах|улиц|sant|lari|amoy|mabaho|냄새",
            said=in_five(
                "stinking water runs out of the manhole|sewage on the road",
                "sale agua apestosa de la alcantarilla|aguas negras corren por la calle",
                "de l'eau nauséabonde sort de la plaque|les égouts débordent dans la rue",
                "stinkendes Wasser läuft aus dem Schacht|Abwasser auf der Straße",
                "臭水从井盖冒出来|污水流到街上",
            ),
            kinds=("side", "since"),
            wide=True,
        ),
    ),
}
