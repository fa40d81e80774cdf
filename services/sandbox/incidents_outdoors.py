"""What incidents of trees, waste, noise, graffiti and animals may be: see `incidents_matters`."""

# ruff: noqa: RUF001 - these are the letters of the languages

from services.sandbox.incidents_words import Matter, in_five

OUTDOORS: dict[str, tuple[Matter, ...]] = {
    "tree-down": (
        Matter(
            name="across",
            stems="across the road|across the driveway|blocking|tree down|treee|fallen tree|fell on the street|"
            "tapa toda|árbol caído|barre la route|arbre tombé|umgestürzt|quer|倒在|caiu uma árvore|đổ|"
            "شجرة سقطت|سقطت شجرة|дерево упало|упало дерево|pyebwa tonbe|natumbang|쓰러",
            said=in_five(
                "a tree has come down, no way through|big trunk across the road",
                "cayó un árbol, no se puede pasar|tronco atravesado en la calle",
                "un arbre est tombé, impossible de passer|gros tronc en travers de la route",
                "ein Baum ist umgefallen, kein Durchkommen|Stamm liegt quer über der Straße",
                "大树倒了，过不去|树干横在路上",
            ),
            kinds=("size", "side", "since"),
        ),
        Matter(
            name="car",
            stems="car|carro|voiture|auto\\b|车|xe|سيارت|машин|machin|kotse|차 위",
            said=in_five(
                "a branch has crushed a parked car|limb on top of a vehicle",
                "una rama aplastó un carro|rama encima de un auto",
                "une branche a écrasé une voiture|branche sur une voiture garée",
                "ein Ast liegt auf einem Auto|Auto von Ast getroffen",
                "树枝砸到汽车|断枝压在车上",
            ),
            kinds=("colour", "side"),
        ),
        Matter(
            name="hanging",
            stems="lean|hanging|about to|a punto|penche|menace|schief|droht|快要|要倒|inclinad|nghiêng|مائل|накло|"
            "panche|nakahilig|기울",
            said=in_five(
                "a tree leans dangerously|this tree is going to fall soon",
                "un árbol está muy inclinado|ese árbol se va a caer",
                "un arbre penche dangereusement|cet arbre va tomber",
                "ein Baum steht gefährlich schief|der Baum fällt bald um",
                "一棵树快要倒了|树歪得很危险",
            ),
        ),
    ),
    "tree-care": (
        Matter(
            name="trim",
            stems="trim|prun|branches|poda|poden|ramas|taille|élag|schneid|äste|修剪|树枝|podem|galhos|cắt|tỉa|"
            "تقليم|أغصان|обреж|ветк|koupe|branch|putul|sanga|가지",
            said=in_five(
                "branches hang too low, please cut them|tree is overgrown",
                "hay que cortar las ramas|ramas demasiado bajas",
                "branches trop basses, à couper|arbre à élaguer",
                "Äste bis auf Kopfhöhe|Baum muss geschnitten werden",
                "树枝太低，请修剪|树该修剪了",
            ),
        ),
        Matter(
            name="stump",
            stems="stump|tocón|souche|stumpf|树桩|toco|gốc cây|جذع|пень|пня|chouk|tuod|그루터기",
            said=in_five(
                "tree stump needs to go|they cut the tree and left the stump",
                "quiten el tocón por favor|quedó el tocón del árbol",
                "il faut enlever la souche|une souche est restée",
                "Baumstumpf bitte entfernen|der Stumpf steht noch da",
                "请清除树桩|树砍了，树桩还在",
            ),
            kinds=("size", "side"),
        ),
    ),
    "illegal-dumping": (
        Matter(
            name="mattress",
            stems="mattress|couch|sofa|furniture|colchon|muebles|matelas|meubles|canapé|matratze|möbel|床垫|家具|"
            "colch|móveis|nệm|đệm|مراتب|أثاث|матрас|мебел|matla|mèb|kutson|muwebles|매트리스|가구",
            said=in_five(
                "old mattress and couch thrown on the curb|somebody left furniture here",
                "dejaron un colchón y un sofá|muebles viejos tirados",
                "un matelas et un canapé abandonnés|des meubles jetés ici",
                "alte Matratze und Sofa abgestellt|Möbel einfach hingeworfen",
                "有人丢了旧床垫和沙发|旧家具扔在路边",
            ),
            kinds=("colour", "count", "side", "since"),
        ),
        Matter(
            name="rubble",
            stems="construction|debris|drywall|roofing|escombros|gravats|bauschutt|建筑垃圾|entulho|xà bần|مخلفات|"
            "ركام|строительн|fatra konstriksyon|debri|건축",
            said=in_five(
                "heap of rubble from a building site|bricks and plaster dumped",
                "montón de cascajo y ladrillos|tiraron escombros de obra",
                "un tas de gravats déversé|des briques et du plâtre jetés",
                "ein Haufen Bauschutt abgeladen|Ziegel und Gips abgekippt",
                "一堆建筑垃圾|有人倒了砖头和石膏板",
            ),
            kinds=("size", "side", "since"),
        ),
        Matter(
            name="tires",
            stems="tires|llantas|pneus|reifen|轮胎|lốp|إطارات|покрыш|шин|kawotchou|gulong|타이어",
            said=in_five(
                "old tires dumped|pile of car tires",
                "tiraron llantas viejas|montón de llantas",
                "vieux pneus jetés|tas de pneus",
                "alte Reifen abgeladen|Haufen Autoreifen",
                "有人丢了旧轮胎|一堆废轮胎",
            ),
            kinds=("count", "side", "since"),
        ),
    ),
    "litter-bin": (
        Matter(
            name="full",
            stems="bin|trash can|garbage can|bote|poubelle|papierkorb|mülleimer|垃圾桶|垃圾箱|lixeira|thùng rác|"
            "حاوية|سلة|урн|poubèl|basurahan|쓰레기통",
            said=in_five(
                "the bin is overflowing|nobody empties this trash can",
                "el bote está lleno|nadie vacía este basurero",
                "la poubelle déborde|personne ne vide cette poubelle",
                "der Mülleimer quillt über|keiner leert den Papierkorb",
                "垃圾桶满出来了|没人清垃圾桶",
            ),
            kinds=("colour", "side", "since"),
        ),
        Matter(
            name="glass",
            stems="glass|vidrio|verre|scherben|glas|玻璃|vidro|thủy tinh|زجاج|стекл|vè kase|bubog|유리",
            said=in_five(
                "broken bottles on the ground|shards everywhere",
                "botellas rotas en el suelo|hay vidrios por todos lados",
                "des bouteilles cassées par terre|du verre partout",
                "zerbrochene Flaschen am Boden|überall Scherben",
                "地上有碎玻璃瓶|到处是玻璃碴",
            ),
        ),
    ),
    "noise": (
        Matter(
            name="music",
            stems="music|party|bass|música|fiesta|musique|fête|musik|feier|音乐|派对|festa|nhạc|tiệc|موسيق|حفل|"
            "музык|вечеринк|mizik|fèt|tugtog|musika|음악|파티",
            said=in_five(
                "music so loud the windows shake|party noise, we cannot sleep",
                "la música hace temblar las ventanas|fiesta y no dejan dormir",
                "la musique fait trembler les vitres|une fête, impossible de dormir",
                "Musik so laut, dass die Fenster wackeln|Feier, keiner kann schlafen",
                "音乐吵得窗户都在震|开派对，没法睡觉",
            ),
            kinds=("side",),
            wide=True,
        ),
        Matter(
            name="works",
            stems="construction|jackhammer|machine|obra|chantier|marteau|baustelle|presslufthammer|bau|施工|工地|"
            "thi công|xây dựng|بناء|стройк|отбойн|konstriksyon|konstruksyon|공사",
            said=in_five(
                "they are drilling at this hour|construction noise, unbearable",
                "están taladrando a esta hora|ruido de obra insoportable",
                "ils percent à cette heure-ci|bruit de chantier insupportable",
                "es wird um diese Zeit gebohrt|Baulärm, nicht auszuhalten",
                "这个时候还在钻孔|施工噪音受不了",
            ),
            kinds=("side",),
            wide=True,
        ),
        Matter(
            name="dog",
            stems="bark|dog|perro|ladra|chien|aboie|hund|bellt|狗|cachorro|late|chó|كلب|собак|лает|chen|aso|tahol|개가",
            said=in_five(
                "a dog barks without end|barking dog all the time",
                "un perro ladra sin parar|el perro no deja de ladrar",
                "un chien aboie sans arrêt|aboiements en continu",
                "ein Hund bellt ununterbrochen|ständiges Gebell",
                "狗一直叫个不停|狗叫声不断",
            ),
            kinds=("side",),
        ),
        Matter(
            name="alarm",
            stems="alarm|alarma|alarme|警报|báo động|إنذار|сигнализац|alam|경보",
            said=in_five(
                "an alarm that will not stop|siren of a car alarm going on",
                "suena una alarma sin parar|alarma de carro sonando",
                "une alarme qui ne s'arrête pas|alarme de voiture",
                "eine Alarmanlage heult ohne Ende|Autoalarm hört nicht auf",
                "警报器响个不停|汽车报警器一直响",
            ),
            kinds=("side",),
        ),
    ),
    "graffiti": (
        Matter(
            name="paint",
            stems="graffiti|grafitti|spray|tag|grafiti|pint|tagué|bombe|schmier|sprüh|涂鸦|喷|graf|pich|vẽ|sơn|"
            "كتابات|رسوم|граффити|разрис|penti|vandal|낙서",
            said=in_five(
                "someone sprayed big letters on the wall|paint all over the wall",
                "pintaron letras grandes en el muro|pintas en la barda",
                "de grandes lettres taguées sur le mur|mur couvert de peinture",
                "große Buchstaben an die Wand gesprüht|Wand vollgeschmiert",
                "墙上被喷了大字|墙面被乱涂",
            ),
            kinds=("colour", "size", "side", "since"),
        ),
        Matter(
            name="smashed",
            stems="smash|vandals broke|vandalism at|vandalismo|vandalisme|cassé|zerschlagen|vandalismus|砸|破坏|quebr",
            said=in_five(
                "vandals smashed the shelter|glass panel kicked in",
                "rompieron el vidrio a golpes|destrozos en la caseta",
                "des vandales ont cassé la vitre|abri saccagé",
                "Scheibe eingeschlagen|Wartehäuschen zerstört",
                "玻璃被人砸了|候车亭被破坏",
            ),
            kinds=("side", "since"),
        ),
    ),
    "loose-animal": (
        Matter(
            name="dog",
            stems="dog|pit bull|perro|chien|hund|狗|cachorro|cão|chó|كلب|كلاب|собак|chen|aso\\b|개",
            said=in_five(
                "a dog runs around without an owner|big dog loose, people are afraid",
                "anda un perro suelto sin dueño|perro grande suelto",
                "un chien se promène sans maître|gros chien en liberté",
                "ein Hund läuft ohne Besitzer herum|großer freilaufender Hund",
                "有只没主人的狗在乱跑|大狗没拴",
            ),
            kinds=("colour", "count"),
        ),
        Matter(
            name="shut-in",
            stems="dog locked|puppy locked|hot car|fèmen nan|차 안",
            said=in_five(
                "a dog is shut in a parked car|dog in a car with the windows up",
                "hay un perro encerrado en un carro|perro dentro de un auto cerrado",
                "un chien est enfermé dans une voiture|chien laissé dans une voiture",
                "ein Hund ist im Auto eingesperrt|Hund allein im geparkten Wagen",
                "有只狗被锁在车里|狗被关在停着的车里",
            ),
            kinds=("colour", "side"),
        ),
        Matter(
            name="raccoon",
            stems="raccoon|mapache|raton|waschbär|浣熊|guaxinim|gấu mèo|راكون|енот|너구리",
            said=in_five(
                "a raccoon that is not afraid of people|sick looking raccoon",
                "un mapache enfermo|mapache que no le teme a la gente",
                "un raton laveur malade|raton laveur qui n'a pas peur",
                "ein kranker Waschbär|Waschbär ohne Scheu",
                "一只不怕人的浣熊|浣熊好像病了",
            ),
            kinds=("side",),
        ),
    ),
    "dead-animal": (
        Matter(
            name="raccoon",
            stems="raccoon|mapache|raton|waschbär|浣熊|guaxinim|gấu mèo|راكون|енот|너구리",
            said=in_five(
                "a raccoon was run over|dead raccoon, flies on it",
                "atropellaron un mapache|mapache muerto",
                "un raton laveur écrasé|raton laveur mort",
                "überfahrener Waschbär|toter Waschbär",
                "浣熊被车轧死了|死浣熊",
            ),
            kinds=("side", "since"),
        ),
        Matter(
            name="cat",
            stems="cat\\b|gato|chat\\b|katze|猫|mèo chết|con mèo|قطة|кошк|кот\\b|chat|pusa|고양이",
            said=in_five(
                "a cat was hit by a car|dead cat lying here",
                "atropellaron un gato|hay un gato muerto",
                "un chat écrasé|un chat mort",
                "eine überfahrene Katze|tote Katze liegt da",
                "一只猫被车撞死|路上有死猫",
            ),
            kinds=("colour", "side", "since"),
        ),
        Matter(
            name="deer",
            stems="deer|venado|chevreuil|cerf|reh\\b|hirsch|鹿|veado|nai|غزال|олен|sèf|usa\\b|사슴",
            said=in_five(
                "a deer lies dead at the roadside|dead deer, it smells",
                "un venado muerto en la orilla|venado atropellado",
                "un chevreuil mort au bord de la route|cerf écrasé",
                "totes Reh am Straßenrand|überfahrenes Reh",
                "路边有死鹿|鹿被撞死了",
            ),
            kinds=("side", "since"),
        ),
    ),
}
