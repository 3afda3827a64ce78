"""The places the drawings are set in, shared between the classes."""

from draw.canvas import (
    GLASS,
    WHITE,
    Canvas,
    Colour,
    Dice,
    at,
    cos,
    dark,
    mix,
    pale,
    palette,
    sin,
)

SKIES = [  # top and bottom: clear twice, overcast, dusk, night
    palette(pair)
    for pair in (
        "5a96dc c3def0",
        "78afe6 ebeeeb",
        "969ea8 d4d6d6",
        "5a5a96 fab478",
        "1c2246 505a82",
    )
]
GROUNDS = {
    "meadow": (92, 140, 62),
    "forest": (70, 92, 50),
    "road": (112, 112, 116),
    "sand": (212, 186, 138),
    "snow": (228, 232, 240),
    "sea": (52, 104, 140),
    "pond": (78, 112, 92),
    "room": (150, 110, 80),
}
WALLPAPERS = palette("cebea0 aababe c4a096 96a082 787890")
SOFAS = palette("963c3c 465a78 5a6e50 8c6e46")
LEAVES = palette("507838 3c6446 787846 6e5a3c")
SOILS = palette("7a5c42 94785a 5e4a3c b09a78 8a8680")
PETALS = palette("f0c83c e678a0 f6f0f0 b48cdc f08c46 e6503c")


def scene(c: Canvas, d: Dice, kind: str, horizon: float) -> None:
    """Paint one of the places; where there is ground, it begins at the height `horizon`."""
    if kind in CLOSE_UPS:
        CLOSE_UPS[kind](c, d)
        return
    ground, wide = d.tint(GROUNDS[kind]), c.right + 0.2
    if kind == "room":
        _room(c, d, horizon)
    elif kind == "forest":
        _trunks(c, d, horizon)
    else:
        low = _sky(c, d, horizon)
        _distance(c, d, kind, horizon, low)
        if kind in ("sea", "pond"):
            ground = mix(ground, low, 0.25)
    c.box(-wide, horizon, wide, c.low + 0.1, ground, shade=0.22)
    c.mottle(d, 0.16, 0.22 / c.detail, below=horizon)
    _marks(c, d, kind, horizon, ground)


def _sky(c: Canvas, d: Dice, horizon: float = 0.95) -> Colour:
    """Sky with clouds down to the horizon; returns its lower colour."""
    top, low = d.pick(SKIES + SKIES[:2])
    c.backdrop(d.tint(top, 14), d.tint(low, 10))
    for _ in range(d.pick([0, 1, 2, 3])):
        x, y = d.between(-c.right, c.right), d.between(-c.low, max(-0.9, horizon - 0.25))
        for _ in range(5):
            rx, ry = d.between(0.15, 0.4), d.between(0.05, 0.13)
            dx, dy = d.between(-0.3, 0.3), d.between(-0.08, 0.08)
            c.oval(x + dx, y + dy, rx, ry, pale(low, 0.6), opacity=0.7)
    return low


def _distance(c: Canvas, d: Dice, kind: str, horizon: float, low: Colour) -> None:
    """What stands at the horizon: hills, houses, firs."""
    wide = c.right
    if kind in ("meadow", "road", "snow", "sand"):
        hill = mix(d.tint((96, 122, 104)), low, d.between(0.2, 0.6))
        places = (-1.5, -0.9, -0.3, 0.3, 0.9, 1.5)
        ridge = [(x * wide, horizon - d.between(0.02, 0.35)) for x in places]
        c.blob([*ridge, (1.5 * wide, horizon + 0.4), (-1.5 * wide, horizon + 0.4)], hill)
    if kind == "road" and d.chance(0.5):
        for _ in range(5):
            x, h = d.between(-1.2, 1.0) * wide, d.between(0.3, 1.0)
            wall = d.tint((150, 135, 125), 40)
            c.box(x, horizon - h, x + d.between(0.3, 0.5), horizon + 0.05, wall)
            for y in (0.08, 0.24, 0.4):
                c.box(x + 0.06, horizon - h + y, x + 0.24, horizon - h + y + 0.07, GLASS)
    if kind == "snow" or (kind == "meadow" and d.chance(0.4)):
        for _ in range(5):
            x, h, green = d.between(-1.1, 1.1) * wide, d.between(0.25, 0.7), d.tint((50, 84, 62))
            for part in (1.0, 0.7, 0.45):
                y = horizon + 0.05 - h * (1 - part)
                c.poly([(x - h * part / 3, y), (x, horizon - h), (x + h * part / 3, y)], green)


def _trunks(c: Canvas, d: Dice, horizon: float) -> None:
    c.backdrop(d.tint((120, 150, 110)), d.tint((60, 90, 55)))
    for _ in range(9):
        x, width = d.between(-1.2, 1.2) * c.right, d.between(0.06, 0.2)
        c.line([(x, -1.6), (x + d.between(-0.1, 0.1), horizon + 0.1)], width, d.tint((78, 62, 48)))
    c.mottle(d, 0.2, 0.3)


def _room(c: Canvas, d: Dice, horizon: float) -> None:
    wall = d.tint(d.pick(WALLPAPERS))
    c.backdrop(wall, dark(wall, 0.15))
    x = d.between(-1.0, 0.5)
    if d.chance(0.4):
        c.box(x, -0.95, x + 0.6, -0.2, WHITE)
        c.box(x + 0.06, -0.89, x + 0.54, -0.26, (160, 205, 235))
        c.line([(x + 0.3, -0.9), (x + 0.3, -0.24)], 0.05, WHITE)
    elif d.chance(0.5):
        sofa = d.tint(d.pick(SOFAS))
        c.box(-1.2 * c.right, horizon - 0.6, 1.2 * c.right, horizon + 0.3, sofa)
        c.line([(x, horizon - 0.5), (x, horizon + 0.2)], 0.04, dark(sofa))


def _marks(c: Canvas, d: Dice, kind: str, horizon: float, ground: Colour) -> None:
    """What lies on the ground: waves, water-lily leaves, a road's line, blades of grass."""
    wide = c.right + 0.1
    if kind in ("sea", "pond"):
        for _ in range(14 * c.detail):
            x, y = d.between(-wide, wide), d.between(horizon, c.low)
            wave = [(x, y), (x + d.between(0.1, 0.4), y)]
            c.line(wave, 0.04 / c.detail, pale(ground, 0.5), opacity=0.5)
    if kind == "pond":
        for _ in range(4):
            x, y = d.between(-wide, wide), d.between(horizon + 0.2, c.low)
            c.oval(x, y, d.between(0.15, 0.35), d.between(0.06, 0.12), d.tint((90, 140, 70)))
    if kind == "road":
        y = d.between(horizon + 0.15, 0.95)
        for x in range(-2, 3):
            c.line([(x * 0.7, y), (x * 0.7 + 0.35, y)], 0.06, (230, 225, 200), opacity=0.8)
    if kind in ("meadow", "forest"):
        count = 30 * c.detail**2
        for i in range(count):  # the nearer ones in front
            x, y = d.between(-wide, wide), horizon + 0.05 + (c.low + 0.1 - horizon) * i / count
            tip = (x + d.between(-0.06, 0.06), y - 0.14)
            c.line([(x, y), tip], 0.04 / c.detail, d.tint(ground, 36), end=0.01)
    if kind in ("road", "sand", "snow") and c.detail > 1:
        for _ in range(60):
            x, y = d.between(-wide, wide), d.between(horizon, c.low)
            c.oval(x, y, d.between(0.01, 0.03), 0.008, d.tint(dark(ground, 0.15), 20))


def _plain(c: Canvas, d: Dice) -> None:
    wall = d.tint(d.pick(WALLPAPERS))
    c.backdrop(pale(wall, 0.25), dark(wall, 0.25))


def _leaves(c: Canvas, d: Dice) -> None:
    """Foliage out of focus."""
    base = d.tint(d.pick(LEAVES))
    c.backdrop(pale(base, 0.15), dark(base, 0.3))
    for _ in range(10):
        x, y, r = d.between(-1.1, 1.1) * c.right, d.between(-1.1, 1.1) * c.low, d.between(0.2, 0.6)
        tone = d.tint(mix(base, (150, 180, 90), d.between(0, 0.7)), 24)
        c.oval(x, y, r, r * 0.45, tone, d.between(0, 180), opacity=0.8)


def _leaf(c: Canvas, d: Dice) -> None:
    """One big leaf with its veins."""
    _leaves(c, d)
    c.soften(0.05)
    green = d.tint(d.pick(palette("6ea040 82b450 508c46 96aa50")))
    c.place(0, 0, 1.35, d.between(0, 359), stretch=1.2)
    leaf = c.blob("-110,0 -70,-42 -10,-66 60,-48 115,0 60,48 -10,66 -70,42", green, shade=0.3)
    c.line("-130,3 110,0", 0.035, pale(green, 0.4), end=0.01)
    for x in (-0.8, -0.5, -0.2, 0.1, 0.4, 0.7):
        for side in (-1, 1):
            vein = [(x, 0), (x + 0.18, 0.25 * side), (x + 0.46, 0.6 * side)]
            c.line(vein, 0.02, pale(green, 0.35), end=0.008, within=leaf)
    c.place()


def _soil(c: Canvas, d: Dice) -> None:
    """Earth, sand or stone from above, with pebbles and crumbs."""
    soil = d.tint(d.pick(SOILS))
    c.backdrop(pale(soil, 0.1), dark(soil, 0.1))
    c.mottle(d, 0.3, 0.25)
    c.mottle(d, 0.08, 0.14)
    for _ in range(90):
        x, y = d.between(-1.1, 1.1) * c.right, d.between(-1.1, 1.1) * c.low
        r = d.between(0.015, 0.07)
        c.oval(x + 0.01, y + 0.015, r, r * 0.8, dark(soil, 0.55), opacity=0.6)
        c.oval(x, y, r, r * 0.75, d.tint(mix(soil, (170, 165, 155), 0.4), 26))


def _bark(c: Canvas, d: Dice) -> None:
    """Wood or bark, its grain running one way."""
    wood = d.tint(d.pick(palette("8c6a4a 6e5442 aa8660 7a6e64")))
    c.backdrop(wood, dark(wood, 0.12))
    c.place(angle=d.pick([0, 0, 90, 35, 150]))
    for _ in range(46):
        x, y = d.between(-1.9, 1.4), d.between(-1.7, 1.7)
        middle = (x + 0.5, y + d.between(-0.06, 0.06))
        grain = [(x, y), middle, (x + 1.1, y + d.between(-0.08, 0.08))]
        tone = d.pick([dark(wood, 0.35), dark(wood, 0.2), pale(wood, 0.15)])
        c.line(grain, d.between(0.012, 0.05), tone, end=0.01, opacity=0.8)
    c.place()
    c.mottle(d, 0.25, 0.2)


def _flower(c: Canvas, d: Dice) -> None:
    """A blossom from above before foliage."""
    _leaves(c, d)
    c.soften(0.06)
    petal, count = d.tint(d.pick(PETALS)), d.pick([8, 11, 13])
    x, y, turn = d.between(-0.25, 0.25), d.between(-0.15, 0.3), d.between(0, 40)
    for lap in (0, 1):
        for i in range(count):
            a = turn + 360 * (i + lap / 2) / count
            reach = 0.58 - 0.08 * lap
            tone = d.tint(mix(dark(petal, 0.18), petal, lap), 8)
            c.oval(x + reach * cos(a), y + reach * sin(a), 0.44, 0.15, tone, a, shade=0.15)
            tip = (x + 0.92 * cos(a), y + 0.92 * sin(a))
            c.line([(x, y), tip], 0.015, dark(petal, 0.25), opacity=0.6)
    heart = d.tint(d.pick(palette("e6aa28 8c5a28 f0d250")))
    c.oval(x, y, 0.36, 0.34, dark(heart, 0.3))
    for _ in range(110):
        a, r = d.between(0, 360), 0.34 * (1 - d.random() * d.random())
        c.oval(x + r * cos(a), y + r * sin(a), 0.024, 0.024, d.tint(heart, 40))


def _comb(c: Canvas, d: Dice) -> None:
    """Honeycomb: six-sided cells of wax."""
    wax = d.tint(d.pick(palette("d2a046 be8232 dcb464")))
    c.backdrop(pale(wax, 0.1), dark(wax, 0.2))
    c.place(angle=d.between(0, 59))
    r = d.between(0.14, 0.18)
    for row in range(-12, 13):
        for column in range(-10, 11):
            x, y = (column + 0.5 * (row % 2)) * 1.78 * r, row * 1.54 * r
            if abs(x) + abs(y) < 3:
                cell = [(x + 0.92 * r * sin(a), y + 0.92 * r * cos(a)) for a in range(0, 360, 60)]
                depth = d.pick([0.25, 0.4, 0.55, 0.5])
                c.poly(cell, dark(wax, depth), shade=-0.4)
                honey = mix(wax, (250, 200, 90), depth)
                c.oval(x, y + 0.15 * r, 0.5 * r, 0.45 * r, honey, opacity=0.6)
    c.place()


def _deep(c: Canvas, d: Dice) -> None:
    """Under water: light from above, weeds, bubbles."""
    water = d.tint(d.pick(palette("3c8296 46785a 2d648c")))
    c.backdrop(pale(water, 0.4), dark(water, 0.5))
    for _ in range(4):
        x = d.between(-1.2, 1.2) * c.right
        beam = at("0,-150 20,-150 60,150 10,150", x=x)
        c.poly(beam, pale(water, 0.4), opacity=0.12)
    for _ in range(9):
        x = d.between(-1.1, 1.1) * c.right
        tip = (x + d.between(-0.2, 0.2), c.low - d.between(0.4, 0.9))
        weed = [(x, c.low + 0.1), (x + d.between(-0.15, 0.15), c.low - 0.3), tip]
        c.line(weed, 0.08, d.tint((50, 100, 60)), end=0.02)
    for _ in range(12):
        x, y, r = d.between(-1, 1) * c.right, d.between(-1, 1) * c.low, d.between(0.012, 0.04)
        c.oval(x, y, r, r, pale(water, 0.7), opacity=0.6)


def _stage(c: Canvas, d: Dice) -> None:
    """Dark curtain and lamp light."""
    cloth = d.tint(d.pick(palette("6e1e28 282838 1e3c46")))
    c.backdrop(cloth, dark(cloth, 0.5))
    for i in range(14):
        x = (-1.1 + 0.17 * i) * c.right
        c.line([(x, -1.6), (x + 0.05, 1.6)], 0.07, dark(cloth, 0.4), opacity=0.7)
    c.oval(0, c.low, 1.6 * c.right, 0.45, (120, 84, 54))


CLOSE_UPS = {
    "sky": _sky,
    "plain": _plain,
    "leaves": _leaves,
    "leaf": _leaf,
    "soil": _soil,
    "bark": _bark,
    "flower": _flower,
    "comb": _comb,
    "deep": _deep,
    "stage": _stage,
}


def occlude(c: Canvas, d: Dice, fence: bool) -> None:
    """Put something before the figure: grass, a twig with leaves, perhaps a fence."""
    c.place()
    wide, kind = 1.2 * c.right, d.pick(["grass", "twig", "fence"][: 3 if fence else 2])
    if kind == "grass":
        for _ in range(12 * c.detail):
            x = d.between(-wide, wide)
            tip = (x + d.between(-0.15, 0.15), c.low - d.between(0.2, 0.6))
            c.line([(x, c.low + 0.1), tip], 0.1 / c.detail, d.tint((80, 120, 55)), end=0.02)
    elif kind == "twig":
        y, slope, leaf = d.between(-0.6, 0.8), d.between(-0.25, 0.25), d.tint((90, 130, 60))
        c.line([(-wide, y - slope * wide), (wide, y + slope * wide)], 0.05, d.tint((90, 70, 50)))
        for _ in range(3):
            x, angle = d.between(-wide, wide), d.pick([35, 145])
            c.oval(x, y + slope * x + 0.06, 0.16, 0.06, d.tint(leaf), angle, shade=0.4)
    else:
        y, wood = d.between(0.1, 0.6), d.tint((150, 120, 90))
        c.box(-wide, y, wide, y + 0.1, wood)
        for x in (-0.8, 0, 0.8):
            c.box(x * c.right - 0.06, y - 0.2, x * c.right + 0.06, 1.5, wood)
