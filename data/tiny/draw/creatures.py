"""Ants and bees, and the tench and the springer spaniel of ImageNet.

A figure faces right. Those on the ground rise from y = 0; those in the air lie around (0, 0).
"""

from draw import animals
from draw.canvas import (
    BLACK,
    PAINTS,
    SKINS,
    WHITE,
    Canvas,
    Dice,
    at,
    cos,
    curve,
    dark,
    mix,
    pale,
    palette,
    sin,
)

TENCHES = palette("686c30 78743a 58603a 8c7a38")
FINS = (  # tail, back, belly, rear
    "-62,0 -98,-34 -104,-22 -96,0 -104,22 -98,34",
    "-22,-34 4,-64 36,-56 34,-30",
    "6,28 14,54 -8,52 -12,30",
    "-38,22 -34,48 -58,42 -56,16",
)
SPRINGERS = palette("60341e 6e3c24 262020")
ANTS = palette("2a1e1c 602c1a 964622 1e1c22 783c1e 3c281a")
HONEY = palette("e4a028 d28c32 f0b43c be7832")


def _ball(c: Canvas, x, y, rx, ry, colour, angle=0, shine=0.55) -> None:
    """A rounded, shining part: lighter towards its upper left."""
    rim = c.oval(x, y, rx, ry, dark(colour, 0.3), angle)
    for i, share in enumerate((0.86, 0.7, 0.5, 0.3)):
        tone = mix(dark(colour, 0.15), pale(colour, shine), i / 4)
        lift = (1 - share) * 0.45
        px, py = x - lift * rx * 0.5, y - lift * ry
        c.oval(px, py, rx * share, ry * share, tone, angle, within=rim, opacity=0.7)
    return rim


def ant_top(c: Canvas, d: Dice, colour=None) -> None:
    """Ant from above: three parts with a narrow waist, six jointed legs, elbowed antennae."""
    colour = colour or d.tint(d.pick(ANTS), 10)
    rear = d.pick([colour, colour, dark(colour, 0.6)])
    for side in (-1, 1):
        for x, out, reach in ((0.2, 0.46, 0.42), (0.08, 0.1, 0.06), (-0.02, -0.34, -0.62)):
            knee = d.between(-0.07, 0.07)
            joints = [(x, 0.06), (x + out * 0.45 + knee, 0.34), (x + out + knee, 0.6)]
            foot = (x + reach * 1.35 + knee, 0.82)
            c.line(at(joints, 1, side), 0.062, dark(colour, 0.25), end=0.045, smooth=False)
            c.line(at([joints[2], foot], 1, side), 0.04, dark(colour, 0.1), end=0.024)
        feeler = at([(0.68, 0.08), (0.78, 0.26), (1.08, d.between(0.2, 0.42))], 1, side)
        c.line(feeler, 0.045, colour, end=0.032, smooth=False)
        c.blob(at("70,4 86,10 94,2 84,5 74,0", 1, side), dark(colour, 0.3))
    gaster = _ball(c, -0.6, 0, 0.38, 0.26, rear)
    for x in (-0.8, -0.64, -0.46):
        segment = at("0,-30 -5,0 0,30", x=x)
        c.line(segment, 0.022, pale(rear, 0.25), within=gaster, opacity=0.6)
    _ball(c, -0.18, 0, 0.08, 0.08, colour)
    _ball(c, 0.02, 0, 0.16, 0.1, colour)
    _ball(c, 0.22, 0, 0.16, 0.13, colour)
    _ball(c, 0.56, 0, 0.21, 0.2, colour)
    for side in (-1, 1):
        c.oval(0.58, 0.15 * side, 0.05, 0.04, BLACK)
        c.oval(0.6, 0.14 * side, 0.015, 0.012, WHITE, opacity=0.8)


def ant_side(c: Canvas, d: Dice, colour=None) -> None:
    """Ant from the side, walking: high knees, narrow waist, big head with elbowed antennae."""
    colour = colour or d.tint(d.pick(ANTS), 10)
    rear = d.pick([colour, colour, dark(colour, 0.6)])
    starts = ((0.22, 0.55), (0.06, 0.12), (-0.06, -0.5))
    for near, tone in ((0, dark(colour, 0.5)), (1, colour)):
        for x, reach in starts:
            foot = x + reach * d.between(0.85, 1.25) + 0.1 * near
            knee, ankle = (x + reach * 0.55, -0.72 + 0.1 * near), (foot - reach * 0.12, -0.06)
            c.line([(x, -0.42), knee, ankle], 0.065, tone, end=0.042, smooth=False)
            c.line([ankle, (foot, 0), (foot + 0.09, 0)], 0.032, tone, smooth=False)
    gaster = _ball(c, -0.66, -0.52, 0.36, 0.25, rear, 12)
    for x in (-0.86, -0.7, -0.52):
        segment = at("0,-85 5,-50 -3,-20", x=x)
        c.line(segment, 0.022, pale(rear, 0.25), within=gaster, opacity=0.6)
    c.poly("-30,-40 -24,-62 -16,-40", colour)
    c.line("-36,-48 -22,-44 -8,-46", 0.07, colour)
    _ball(c, 0.0, -0.5, 0.18, 0.12, colour, 8)
    _ball(c, 0.2, -0.56, 0.16, 0.14, colour)
    c.line("30,-58 48,-62", 0.09, colour)
    _ball(c, 0.6, -0.62, 0.2, 0.17, colour, 25)
    c.blob("70,-54 86,-44 88,-34 80,-42 66,-46", dark(colour, 0.35))
    for lift in (0.0, 0.14):
        feeler = [(0.7, -0.72), (0.8, -1.0 + lift), (1.1, -0.9 + 1.4 * lift)]
        c.line(feeler, 0.042, dark(colour, lift), end=0.03, smooth=False)
    c.oval(0.63, -0.68, 0.05, 0.055, BLACK)
    c.oval(0.645, -0.7, 0.016, 0.016, WHITE)


def ant_with_leaf(c: Canvas, d: Dice) -> None:
    """Leaf-cutter: an ant from the side, carrying a piece of leaf."""
    green = d.tint((110, 160, 60))
    c.blob("5,-75 -10,-120 30,-165 80,-160 100,-120 70,-80", green, shade=0.4)
    c.line("40,-80 50,-120 60,-155", 0.03, pale(green, 0.4))
    ant_side(c, d, d.tint((140, 64, 34)))


def _fuzz(c: Canvas, d: Dice, x, y, rx, ry, colour) -> None:
    """A furry oval: hairs from its middle outwards, some standing out from its edge."""
    _ball(c, x, y, rx, ry, dark(colour, 0.3))
    for i in range(240):
        a, r = d.between(0, 360), 0.35 + 0.65 * i / 240
        tone = d.tint(mix(dark(colour, 0.3), pale(colour, 0.2), d.random()), 10)
        bent = a + d.between(-14, 14)
        start = (x + rx * r * cos(a), y + ry * r * sin(a))
        end = (x + rx * (r + 0.17) * cos(bent), y + ry * (r + 0.17) * sin(bent))
        c.line([start, end], 0.02, tone, end=0.008)


def _wing(c: Canvas, root, tip, width) -> None:
    """A clear wing from root to tip, with veins and a bright edge."""
    dx, dy = tip[0] - root[0], tip[1] - root[1]
    shape = [(0, 0), (0.35, -0.75), (0.8, -1), (1.02, -0.4), (0.95, 0.45), (0.55, 0.7)]

    def on(along, across):
        across *= width
        return (root[0] + along * dx - across * dy, root[1] + along * dy + across * dx)

    outline = [on(*point) for point in shape]
    wing = c.blob(outline, (216, 226, 236), opacity=0.55, shade=0.1)
    for spread in (-0.6, 0.0, 0.45):
        c.line(
            [root, on(0.95, spread)], 0.018, (120, 96, 70), within=wing, opacity=0.7, smooth=False
        )
    c.line([root, *outline[1:4]], 0.025, (110, 90, 70), opacity=0.7)


def bee_top(c: Canvas, d: Dice) -> None:
    """Bee from above: striped abdomen, furry thorax, two pairs of clear wings."""
    honey, black = d.tint(d.pick(HONEY)), d.tint((44, 32, 26), 10)
    spread = d.between(0.6, 1.0)
    for side in (-1, 1):
        for x, fx, fy in ((0.25, 0.5, 0.42), (0.1, 0.1, 0.52), (0.0, -0.42, 0.5)):
            limb = at([(x, 0.1), ((x + fx) / 2 + 0.06, 0.34), (fx, fy)], 1, side)
            c.line(limb, 0.06, black, end=0.03)
        c.oval(-0.3, 0.44 * side, 0.1, 0.07, (235, 180, 50), angle=30 * side)
        c.line(at("56,8 72,16 86,34", 1, side), 0.04, black, end=0.032)
    body = c.blob("-100,0 -82,-18 -45,-28 -12,-20 0,0 -12,20 -45,28 -82,18", honey, shade=0.4)
    for x in (-0.86, -0.68, -0.48, -0.28):
        c.line(at("0,-32 -7,0 0,32", x=x), 0.09, black, within=body)
    c.oval(-0.45, -0.12, 0.36, 0.05, WHITE, opacity=0.2, within=body)
    _ball(c, 0.44, 0, 0.15, 0.19, black)
    for side in (-1, 1):
        c.oval(0.48, 0.13 * side, 0.1, 0.07, (60, 34, 24), angle=-25 * side)
        c.oval(0.5, 0.12 * side, 0.03, 0.02, WHITE, opacity=0.7)
    _fuzz(c, d, 0.14, 0, 0.25, 0.23, honey)
    for side in (-1, 1):
        _wing(c, (0.08, 0.1 * side), (-0.62, 0.62 * spread * side), 0.16 * side)
        _wing(c, (0.16, 0.12 * side), (-0.42, 0.95 * spread * side), 0.2 * side)


def bee_side(c: Canvas, d: Dice) -> None:
    """Bee from the side: hanging striped abdomen, furry thorax, raised wings, legs with pollen."""
    honey, black = d.tint(d.pick(HONEY)), d.tint((44, 32, 26), 10)
    for x, fx in ((0.3, 0.48), (0.14, 0.2), (0.0, -0.22)):
        c.line([(x, 0.1), ((x + fx) / 2 + 0.08, 0.3), (fx, 0.55)], 0.065, black, end=0.035)
    c.oval(-0.14, 0.42, 0.12, 0.08, (240, 186, 50), angle=-40)
    body = c.blob("-95,38 -86,6 -50,-20 -10,-20 0,8 -20,30 -62,44", honey, shade=0.5)
    for i in range(4):
        x = -0.8 + 0.2 * i
        stripe = [(x - 0.02, -0.12 - 0.06 * i), (x + 0.06, 0.1), (x + 0.1, 0.56)]
        c.line(stripe, 0.095, black, within=body)
    c.line("56,-12 72,-26 92,-12", 0.045, black, end=0.035)
    c.line("56,-12 66,-32 86,-30", 0.045, dark(black), end=0.035)
    _ball(c, 0.5, 0.06, 0.17, 0.2, black)
    c.line("56,22 66,38", 0.05, (110, 60, 30), end=0.02)
    _ball(c, 0.54, 0.0, 0.09, 0.13, (70, 42, 30), shine=0.7)
    _fuzz(c, d, 0.16, -0.04, 0.29, 0.27, honey)
    back = d.between(-0.75, -0.2)
    _wing(c, (0.08, -0.2), (back - 0.22, -0.5), -0.17)
    _wing(c, (0.16, -0.24), (back + 0.1, -0.92), -0.2)


def fish(c: Canvas, d: Dice) -> None:
    """Tench: stout olive fish, rounded fins, small red eye, fine scales."""
    skin = d.tint(d.pick(TENCHES))
    fin = dark(skin, 0.35)
    for outline in FINS:
        part = c.blob(outline, fin)
        x, y = at(outline).mean(axis=0)
        for i in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5):
            spine = [(x * 0.6, 0), (x * 1.5 + 0.1 * i, 2.4 * y + 0.12 * i)]
            c.line(spine, 0.012, dark(fin, 0.4), within=part)
    body = c.blob("-72,0 -48,-26 0,-40 44,-33 78,-16 90,0 76,14 44,28 0,36 -48,22", skin, shade=0.5)
    belly = mix(skin, (226, 196, 90), 0.6)
    c.blob("-60,16 0,20 60,16 80,8 40,50 -40,50", belly, within=body, opacity=0.7)
    for i in range(13):
        for j in range(7):
            x, y = -0.6 + 0.085 * i + 0.04 * (j % 2), -0.3 + 0.09 * j
            scale = at("0,-3.5 3,0 0,3.5", 1, 1, x, y)
            c.line(scale, 0.012, dark(skin, 0.4), within=body, opacity=0.6)
    head = c.blob("48,-40 58,0 48,40 100,40 100,-40", mix(skin, (150, 130, 60), 0.3), within=body)
    c.line("50,-28 58,0 50,26", 0.025, dark(skin, 0.5), within=head)
    c.line("90,2 80,6 76,8", 0.025, dark(skin, 0.7))
    c.line("82,8 84,18", 0.018, dark(skin, 0.4))
    c.blob("46,8 30,12 14,24 34,26 48,18", fin)
    c.oval(0.7, -0.09, 0.055, 0.055, (214, 84, 40))
    c.oval(0.7, -0.09, 0.028, 0.03, BLACK)


def fish_held(c: Canvas, d: Dice) -> None:
    """An angler holding a tench in both hands."""
    jacket, skin = d.tint(d.pick(PAINTS)), d.tint(d.pick(SKINS), 8)
    c.blob("-60,300 -58,-32 -40,-62 0,-70 40,-62 58,-32 60,300", jacket, shade=0.2)
    c.line("0,-66 0,300", 0.03, dark(jacket))
    c.line("0,-64 0,-84", 0.24, dark(skin, 0.2))
    c.oval(0, -1.02, 0.24, 0.28, skin)
    c.blob("-26,-108 -22,-136 0,-144 22,-136 26,-108 0,-114", d.pick(PAINTS))
    c.line("-26,-110 34,-110", 0.06, dark(jacket, 0.4))
    for side in (-1, 1):
        c.oval(0.09 * side, -1.01, 0.03, 0.025, BLACK)
    c.line("-10,-88 0,-85 10,-88", 0.025, (150, 70, 60))
    fish(c, d)
    for side in (-1, 1):
        c.line(at("56,-50 84,-8 46,22", side), 0.26, dark(jacket, 0.12), end=0.2)
        c.oval(0.38 * side, 0.28, 0.13, 0.1, skin)
        for i in range(4):
            x = (0.29 + 0.06 * i) * side
            c.line([(x, 0.28), (x - 0.01 * side, 0.14)], 0.055, skin)


def _fringe(c: Canvas, d: Dice, points, length, colour) -> None:
    """Wavy hair hanging from a line."""
    for x, y in curve(at(points), closed=False, steps=9):
        tip = (x + d.between(-0.03, 0.01), y + length * d.between(0.6, 1.1))
        middle = ((x + tip[0]) / 2 + d.between(-0.03, 0.03), (y + tip[1]) / 2)
        c.line([(x, y), middle, tip], 0.04, d.tint(colour, 12), end=0.01)


def springer_standing(c: Canvas, d: Dice) -> None:
    """English springer spaniel from the side: white with brown or black, long hair, docked tail."""
    coat, patch = (240, 236, 228), d.tint(d.pick(SPRINGERS), 10)
    swing = animals.gait(d, 0.18)
    c.line("-62,-88 -84,-104", 0.13, patch, end=0.08)
    for x, step in ((-0.44, swing[0]), (0.26, swing[1])):
        animals.leg(c, x, -0.6, step, 0.15, dark(coat, 0.3))
    body = c.blob("-68,-86 -30,-94 20,-92 52,-102 54,-62 25,-44 -30,-50 -66,-52", coat)
    c.blob("-70,-100 -16,-100 -6,-70 -40,-60 -74,-70", patch, within=body)
    c.blob("8,-100 34,-100 30,-72 10,-76", patch, within=body)
    for _ in range(26):
        c.oval(d.between(-0.6, 0.5), d.between(-0.8, -0.5), 0.014, 0.012, patch, within=body)
    _fringe(c, d, "-50,-50 -20,-49 20,-46 44,-56", 0.16, coat)
    for x, step in ((-0.54, swing[2]), (0.36, swing[3])):
        animals.leg(c, x, -0.6, step, 0.16, coat)
        _fringe(c, d, [(x - 0.08, -0.5), (x - 0.05 + step / 3, -0.22)], 0.13, dark(coat, 0.06))
    c.line("36,-82 56,-118", 0.38, patch, end=0.3)
    _fringe(c, d, "40,-74 62,-84", 0.2, coat)
    c.line("64,-122 98,-116", 0.26, coat, end=0.2)
    c.oval(0.56, -1.3, 0.27, 0.25, patch)
    c.blob("66,-146 78,-134 90,-122 74,-120 68,-130", coat)
    for _ in range(9):
        c.oval(d.between(0.76, 1.0), d.between(-1.2, -1.08), 0.013, 0.012, patch)
    c.oval(1.06, -1.21, 0.075, 0.065, dark(patch, 0.6))
    c.oval(0.68, -1.35, 0.045, 0.05, BLACK, shade=0)
    c.oval(0.69, -1.365, 0.014, 0.014, WHITE, shade=0)
    if d.chance(0.6):
        c.line("82,-106 85,-90", 0.1, (230, 110, 120))
    c.blob("34,-146 54,-136 56,-104 44,-78 28,-84 24,-112", dark(patch, 0.3))
    _fringe(c, d, "26,-100 34,-84 46,-80 54,-98", 0.16, dark(patch, 0.2))


def springer_face(c: Canvas, d: Dice) -> None:
    """English springer spaniel's face: white blaze between brown or black cheeks, wavy ears."""
    patch = d.tint(d.pick(SPRINGERS), 10)
    animals.dog_face(c, d, patch, (240, 236, 228))
    for side in (-1, 1):
        for start in ("48,-60 62,-20 66,20", "66,-60 78,-10 80,30", "82,-40 90,0 88,40"):
            _fringe(c, d, at(start, side), 0.3, dark(patch, 0.3))
    for _ in range(24):
        c.oval(d.between(-0.32, 0.32), d.between(0.2, 0.44), 0.014, 0.013, patch)
