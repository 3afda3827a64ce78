"""The things of ImageNet: music, machines, a building, sport.

A figure faces right. Those on the ground rise from y = 0; those in the air lie around (0, 0).
"""

from draw.canvas import (
    BLACK,
    GLASS,
    PAINTS,
    SKINS,
    WHITE,
    Canvas,
    Dice,
    at,
    cos,
    dark,
    mix,
    pale,
    palette,
    ring,
    sin,
)

CASES = palette("34343a b4b6ba be3232 3c5a8c e6c83c")
SAWS = palette("e26422 cc2c28 ecaa28 468246")
WALLS = palette("e2d8c6 baa082 a85442 f0f0ec 96928c")
ROOFS = palette("783e32 545864 466e64 5c463c")
BRASS = palette("daa83c e2ba5a c88c3c c4beb4")


def cassette_player(c: Canvas, d: Dice) -> None:
    """Portable player: two loudspeakers, cassette window with reels, keys, handle."""
    case = d.tint(d.pick(CASES))
    trim = d.pick([(30, 30, 34), (200, 200, 205)])
    c.line("-78,-44 -74,-70 74,-70 78,-44", 0.07, dark(case, 0.4), smooth=False)
    c.box(-1.0, -0.5, 1.0, 0.5, case, shade=0.25)
    c.box(-0.96, -0.46, 0.96, -0.3, trim)
    for i in range(12):
        x, y = -0.5 + 0.09 * i, -0.36 + 0.03 * (i % 2)
        c.line([(x, -0.42), (x, y)], 0.012, (235, 120, 60))
    c.line("-50,-34 60,-34", 0.015, WHITE)
    c.oval(0.8, -0.38, 0.07, 0.06, (150, 150, 155))
    c.oval(-0.8, -0.38, 0.07, 0.06, (150, 150, 155))
    for x in (-0.66, 0.66):
        c.oval(x, 0.12, 0.31, 0.31, (170, 170, 175))
        c.oval(x, 0.12, 0.27, 0.27, (34, 34, 38))
        for r in (0.22, 0.16, 0.1):
            c.oval(x, 0.12, r, r, (70, 70, 76))
            c.oval(x, 0.12, r - 0.02, r - 0.02, (44, 44, 50))
        c.oval(x, 0.12, 0.06, 0.06, (120, 120, 126))
    _cassette(c, d, 0, 0.02, 0.28)
    for i in range(6):
        key = (210, 60, 50) if i == 5 else (205, 205, 210)
        c.box(-0.29 + 0.1 * i, 0.3, -0.21 + 0.1 * i, 0.42, key)


def _cassette(c: Canvas, d: Dice, x, y, w) -> None:
    """A cassette behind its window, 2w wide, centred at (x, y)."""
    label = d.tint(d.pick([(240, 235, 215), (240, 170, 80), (150, 200, 220)]))
    c.box(x - w, y - 0.7 * w, x + w, y + 0.7 * w, (24, 24, 28))
    c.box(x - 0.86 * w, y - 0.56 * w, x + 0.86 * w, y + 0.5 * w, label)
    c.box(x - 0.6 * w, y - 0.2 * w, x + 0.6 * w, y + 0.26 * w, (60, 44, 36))
    for side in (-0.4, 0.4):
        c.oval(x + side * w, y + 0.03 * w, 0.19 * w, 0.19 * w, (230, 230, 230))
        for a in (0, 60, 120):
            dx, dy = 0.15 * w * cos(a), 0.15 * w * sin(a)
            spoke = at([(-dx, -dy), (dx, dy)], x=x + side * w, y=y + 0.03 * w)
            c.line(spoke, 0.05 * w, BLACK)


def cassette_walkman(c: Canvas, d: Dice) -> None:
    """Pocket cassette player with headphones."""
    case = d.tint(d.pick(CASES))
    c.line("30,-60 60,-110 0,-120 -60,-90 -80,-20 -60,40", 0.03, BLACK)
    arc = [(-0.55 + 0.36 * cos(a), 0.62 - 0.5 * sin(a)) for a in range(0, 181, 30)]
    c.line(arc, 0.05, (150, 150, 155))
    for x in (-0.91, -0.19):
        c.oval(x, 0.68, 0.13, 0.17, (236, 130, 50))
        c.oval(x, 0.68, 0.08, 0.11, BLACK)
    c.box(-0.26, -0.72, 0.78, 0.72, case, shade=0.3)
    c.box(-0.26, -0.72, 0.78, -0.52, (200, 202, 206))
    _cassette(c, d, 0.26, 0.02, 0.42)
    for i in range(4):
        key = (210, 60, 50) if i == 0 else (120, 122, 128)
        c.box(-0.14 + 0.2 * i, -0.82, 0.2 * i, -0.72, key)
    c.box(-0.1, 0.46, 0.62, 0.56, dark(case, 0.4))


def chain_saw(c: Canvas, d: Dice) -> None:
    """Chain saw: motor with two handles, long bar with a toothed chain."""
    case = d.tint(d.pick(SAWS))
    c.blob("0,-10 60,-13 104,-8 112,4 104,16 60,17 0,18", (178, 182, 188), shade=0.3)
    edge = ring(0.55, 0.03, 0.57, 0.17, count=40)
    for x, y in edge:
        up = -0.04 if y < 0.03 else 0.04
        if x > 0.0:
            c.poly([(x - 0.03, y), (x, y + up), (x + 0.03, y)], (48, 48, 52))
    c.line([*edge, edge[0]], 0.035, (58, 58, 62))
    c.line("20,3 96,4", 0.03, (130, 134, 140))
    c.line("-60,-12 -96,-20 -104,8 -92,28 -56,26", 0.11, (38, 38, 42))
    c.line("-34,-28 -30,-62 0,-70 20,-58 12,-20", 0.09, (38, 38, 42))
    c.poly("18,-22 30,-66 40,-64 34,-14", (46, 46, 50))
    c.blob("-68,-16 -44,-36 0,-38 20,-22 24,14 8,34 -40,36 -70,24", case, shade=0.45)
    c.blob("-30,-14 4,-18 14,4 2,22 -28,22", dark(case, 0.35))
    for i in range(4):
        c.line([(-0.22 + 0.1 * i, -0.1), (-0.22 + 0.1 * i, 0.16)], 0.03, BLACK)
    c.oval(-0.5, -0.08, 0.08, 0.08, (50, 50, 54))
    c.line("-64,12 -40,14", 0.06, WHITE)


def chain_saw_cutting(c: Canvas, d: Dice) -> None:
    """Chain saw in a log, sawdust flying."""
    bark = d.tint((104, 74, 50))
    c.line("70,-250 70,250", 0.5, bark, shade=0.1)
    for _ in range(14):
        x = d.between(0.5, 0.92)
        c.line([(x, d.between(-1.9, 0.2)), (x, d.between(0.3, 1.9))], 0.025, dark(bark, 0.4))
    c.box(0.44, 0.0, 0.7, 0.09, dark(bark, 0.75))
    chain_saw(c, d)
    c.box(0.74, -0.3, 0.96, 0.3, bark, shade=0.05)
    for _ in range(26):
        c.oval(d.between(0.0, 0.5), d.between(0.2, 0.9), 0.02, 0.015, d.tint((226, 190, 130)))


def church_side(c: Canvas, d: Dice) -> None:
    """Church: nave with arched windows, tower with spire and cross."""
    wall = d.tint(d.pick(WALLS))
    roof = d.tint(d.pick(ROOFS))
    c.box(-0.2, -0.75, 0.95, 0, wall, shade=0.1)
    c.poly("-30,-72 -14,-112 90,-112 104,-72", roof)
    for x in (0.1, 0.4, 0.7):
        _arch(c, x, -0.2, 0.09, 0.38, d.pick([GLASS, (60, 60, 100), (120, 70, 60)]))
    c.box(-0.72, -1.2, -0.2, 0, dark(wall, 0.1), shade=0.1)
    _arch(c, -0.46, 0, 0.13, 0.36, (84, 54, 36))
    _arch(c, -0.46, -0.82, 0.07, 0.22, (50, 46, 50))
    c.oval(-0.46, -0.6, 0.09, 0.09, (240, 236, 220))
    c.line("-46,-66 -46,-60 -41,-58", 0.02, BLACK, smooth=False)
    c.poly("-80,-118 -46,-176 -12,-118", roof, shade=0.4)
    _cross(c, -0.46, -1.74)


def church_front(c: Canvas, d: Dice) -> None:
    """Church from the front: gable with a round window, door, one or two towers."""
    wall = d.tint(d.pick(WALLS))
    roof = d.tint(d.pick(ROOFS))
    if d.chance(0.6):
        for side in (-1, 1):
            c.box(0.62 * side - 0.2, -1.15, 0.62 * side + 0.2, 0, dark(wall, 0.12), shade=0.1)
            c.poly(at("38,-113 62,-165 86,-113", side), roof, shade=0.4)
            for y in (-0.75, -0.3):
                _arch(c, 0.62 * side, y, 0.07, 0.24, (50, 50, 60))
            _cross(c, 0.62 * side, -1.63)
    else:
        c.box(-0.18, -1.45, 0.18, -0.8, dark(wall, 0.1))
        c.poly("-26,-143 0,-182 26,-143", roof, shade=0.4)
        _arch(c, 0, -1.1, 0.08, 0.22, (50, 50, 60))
        _cross(c, 0, -1.8)
    c.poly("-52,0 -52,-80 0,-122 52,-80 52,0", wall, shade=0.1)
    c.line("-60,-76 0,-125 60,-76", 0.07, roof, smooth=False)
    c.oval(0, -0.78, 0.17, 0.17, dark(wall, 0.3))
    c.oval(0, -0.78, 0.14, 0.14, (80, 90, 140))
    for a in range(0, 180, 45):
        dx, dy = 0.14 * cos(a), 0.14 * sin(a)
        c.line([(-dx, -0.78 - dy), (dx, -0.78 + dy)], 0.02, wall)
    _arch(c, 0, 0, 0.17, 0.46, (84, 54, 36))
    c.line("0,-46 0,0", 0.02, BLACK)


def _arch(c: Canvas, x, foot, half, height, colour) -> None:
    """A round-headed window or door."""
    c.box(x - half - 0.025, foot - height + half, x + half + 0.025, foot, (205, 198, 186))
    c.oval(x, foot - height + half, half + 0.025, half + 0.025, (205, 198, 186))
    c.box(x - half, foot - height + half, x + half, foot, colour)
    c.oval(x, foot - height + half, half, half, colour)


def _cross(c: Canvas, x, foot) -> None:
    c.line([(x, foot), (x, foot - 0.22)], 0.04, (60, 56, 50))
    c.line([(x - 0.07, foot - 0.14), (x + 0.07, foot - 0.14)], 0.04, (60, 56, 50))


def french_horn(c: Canvas, d: Dice) -> None:
    """French horn: coiled brass tubes, wide bell, three valves, mouthpiece."""
    brass = d.tint(d.pick(BRASS))
    coil = [(cos(a), sin(a)) for a in range(20, 381, 20)]
    _tube(c, at(coil, 0.52, 0.52, 0.05, -0.05), 0.11, brass)
    _tube(c, at(coil[:15], 0.38, 0.38, 0.05, -0.05), 0.09, brass)
    _tube(c, "-18,-30 10,-36 30,-10 22,24 -6,26", 0.07, brass)
    _tube(c, "-30,8 -10,-12 16,-10 18,10 0,16", 0.06, brass)
    _tube(c, "-22,-50 -52,-66 -84,-72 -98,-70", 0.055, brass)
    c.line("-96,-70 -104,-69", 0.1, pale(brass, 0.3))
    for i in range(3):
        x, y = -0.16 + 0.14 * i, 0.0 + 0.05 * i
        c.line([(x, y), (x - 0.04, y + 0.18)], 0.11, (206, 206, 210))
        c.line([(x - 0.02, y - 0.04), (x - 0.12, y - 0.2)], 0.035, (170, 170, 175))
    c.blob("89,90 84,52 70,16 63,-14 52,-12 46,10 22,22 -13,26 10,60 50,88", brass, shade=0.5)
    bell = c.oval(0.38, 0.58, 0.6, 0.36, pale(brass, 0.25), angle=32, shade=0.4)
    for share, depth in ((0.9, 0.15), (0.7, 0.4), (0.45, 0.65), (0.22, 1)):
        x, y = 0.38 - 0.08 * (1 - share), 0.58 - 0.1 * (1 - share)
        c.oval(x, y, 0.6 * share, 0.36 * share, dark(brass, depth), 32, within=bell)
    c.line("0,56 14,74 40,86", 0.03, WHITE, opacity=0.6)


def _tube(c: Canvas, points, width, colour) -> None:
    """A shining round tube."""
    c.line(points, width, dark(colour, 0.55), shade=0)
    c.line(points, width * 0.72, colour, shade=0.15)
    c.line(at(points, x=-0.1 * width, y=-0.12 * width), width * 0.22, pale(colour, 0.65), shade=0)


def gas_pump(c: Canvas, d: Dice) -> None:
    """Petrol pump: tall cabinet, display, hose and nozzle; old ones carry a globe."""
    case, old = d.tint(d.pick([*PAINTS[:6], (60, 150, 90)])), d.chance(0.4)
    c.line("40,-120 72,-112 76,-50 62,-20 48,-40 46,-96", 0.07, (30, 30, 34))
    c.box(-0.5, -0.08, 0.5, 0.0, (150, 150, 150))
    if old:
        c.oval(0, -1.78, 0.27, 0.24, (248, 244, 230))
        c.oval(0, -1.78, 0.18, 0.15, case)
        c.poly("-40,-8 -40,-140 -28,-158 28,-158 40,-140 40,-8", case, shade=0.3)
        c.oval(0, -1.22, 0.25, 0.25, (246, 242, 226))
        for a in range(0, 360, 30):
            tick = [(0.17 * cos(a), 0.17 * sin(a)), (0.22 * cos(a), 0.22 * sin(a))]
            c.line(at(tick, y=-1.22), 0.02, BLACK)
        c.line([(0, -1.22), (0.15 * cos(d.between(0, 360)), -1.34)], 0.03, (200, 40, 40))
    else:
        c.box(-0.4, -1.7, 0.4, -0.08, case, shade=0.25)
        c.box(-0.46, -1.9, 0.46, -1.62, d.pick([WHITE, (240, 200, 60), (220, 60, 50)]))
        c.line("-30,-176 30,-176", 0.08, case)
        c.box(-0.32, -1.52, 0.32, -1.1, (40, 44, 48))
        for y in (-1.45, -1.26):
            c.box(-0.26, y, 0.26, y + 0.13, (176, 196, 160))
            for i in range(4):
                c.line(at("-18,3 -18,10", x=0.12 * i, y=y), 0.035, (40, 50, 40))
    c.box(-0.28, -0.92, 0.28, -0.5, pale(case, 0.7))
    for i in range(3):
        c.box(-0.22 + 0.16 * i, -0.84, -0.1 + 0.16 * i, -0.7, d.pick(PAINTS))
    c.line("46,-98 40,-112 30,-118", 0.1, (50, 50, 54))
    c.poly("38,-128 58,-128 62,-86 44,-90", d.pick([(200, 40, 40), (40, 130, 70), (40, 40, 44)]))
    c.line("40,-122 22,-128", 0.05, (170, 172, 176))


def golf_ball(c: Canvas, d: Dice) -> None:
    """Golf ball with dimples, on a tee or in the grass."""
    tone = d.tint(d.pick([(244, 244, 240)] * 3 + [(244, 226, 90), (244, 160, 90)]), 6)
    if d.chance(0.6):
        tee = d.pick([(236, 220, 190), (210, 60, 50), (250, 250, 245)])
        c.poly("-22,52 22,52 8,70 5,300 -5,300 -8,70", tee)
    else:
        c.oval(0.1, 0.6, 0.75, 0.16, (20, 30, 10), opacity=0.45)
    sphere = c.oval(0, 0, 0.64, 0.64, dark(tone, 0.4), shade=0.2)
    for i, share in enumerate((0.93, 0.82, 0.68, 0.5, 0.32)):
        shift, r = -(1 - share) * 0.28, 0.64 * share
        light = mix(dark(tone, 0.3), pale(tone, 0.8), (i + 1) / 5)
        c.oval(shift, shift, r, r, light, within=sphere, opacity=0.7, shade=0)
    turn = d.between(0, 60)
    for i in range(-6, 7):
        for j in range(-6, 7):
            u, v = (i + 0.5 * (j % 2)) * 0.17, j * 0.147
            u, v = u * cos(turn) - v * sin(turn), u * sin(turn) + v * cos(turn)
            r2 = u * u + v * v
            if r2 < 0.95:
                x, y = 0.64 * u * (1.4 - 0.42 * r2), 0.64 * v * (1.4 - 0.42 * r2)
                r = 0.046 * (1 - 0.35 * r2)
                c.oval(x, y, r, r, dark(tone, 0.32), shade=-0.2, within=sphere, opacity=0.8)
                x, y, r = x + 0.008, y + 0.012, r * 0.75
                c.oval(x, y, r, r, dark(tone, 0.12), within=sphere, opacity=0.8)
    if d.chance(0.6):
        c.line("-14,4 14,0", 0.05, d.pick([(200, 40, 40), (40, 60, 150), BLACK]), within=sphere)


def golf_ball_in_grass(c: Canvas, d: Dice) -> None:
    """Golf ball sunk in grass."""
    golf_ball(c, d)
    for _ in range(60):
        x = d.between(-1.3, 1.3)
        blade = [(x, 0.9), (x + d.between(-0.12, 0.12), d.between(0.3, 0.55))]
        c.line(blade, 0.06, d.tint((88, 140, 56), 26), end=0.012)


def _jumper(c: Canvas, d: Dice, y) -> None:
    suit = d.tint(d.pick(PAINTS))
    for side in (-1, 1):
        c.line(at("3,14 8,26 5,38", side, y=y), 0.06, dark(suit, 0.35))
        c.line(at("5,2 14,-4 10,-16", side, y=y), 0.05, suit)
    c.line([(0, y), (0, y + 0.14)], 0.13, suit)
    c.oval(0, y - 0.1, 0.06, 0.065, d.pick([*SKINS, (220, 60, 50)]))


def parachute_round(c: Canvas, d: Dice) -> None:
    """Round parachute: canopy of coloured strips, lines, a jumper below."""
    colours = [d.tint(d.pick([*PAINTS, WHITE])) for _ in range(d.pick([2, 2, 3, 4]))]
    count, tall = d.pick([6, 7, 8, 9]), d.between(0.5, 0.75)
    edges = [-0.92 * cos(180 * i / count) for i in range(count + 1)]
    for x in edges:
        cord = d.pick([(235, 235, 235), (70, 70, 74)])
        c.line([(x, -0.24), (0.05 * x, 0.52)], 0.013, cord)
    c.oval(0, -0.25, 0.9, 0.1, dark(colours[0], 0.6))
    for i in range(count):
        left = [(edges[i] * sin(t), -0.25 - tall * cos(t)) for t in range(0, 91, 15)]
        right = [(edges[i + 1] * sin(t), -0.25 - tall * cos(t)) for t in range(90, -1, -15)]
        fold = [((edges[i] + edges[i + 1]) / 2, -0.31)]
        tone = colours[i % len(colours)]
        c.poly(left + fold + right, dark(tone, 0.3 * abs(2 * (i + 0.5) / count - 1)), shade=0.4)
    _jumper(c, d, 0.58)


def parachute_wing(c: Canvas, d: Dice) -> None:
    """Ram-air parachute: a curved wing of cells, lines to the jumper."""
    colours = [d.tint(d.pick([*PAINTS, WHITE])) for _ in range(3)]
    count = 9
    for i in range(count):
        x0, x1 = -1 + 2 * i / count, -1 + 2 * (i + 1) / count
        y0, y1 = -0.82 + 0.3 * x0 * x0, -0.82 + 0.3 * x1 * x1
        xm = (x0 + x1) / 2
        c.line([(xm, -0.42 + 0.3 * xm * xm), (0.06 * xm, 0.45)], 0.012, (70, 70, 74))
        tone = colours[0] if i in (0, 8) else colours[1 + (i in (3, 4, 5))]
        back = [(x1 * 0.93, y1 + 0.38), (x0 * 0.93, y0 + 0.38)]
        c.poly([(x0, y0), (x1, y1), *back], tone, shade=0.35)
        c.poly([*back, (x0 * 0.92, y0 + 0.44), (x1 * 0.92, y1 + 0.44)], dark(tone, 0.6))
    for i in range(1, count):
        x = -1 + 2 * i / count
        y = -0.82 + 0.3 * x * x
        c.line([(x, y), (x * 0.93, y + 0.38)], 0.012, dark(colours[1], 0.5))
    _jumper(c, d, 0.5)
