"""The animals of CIFAR-10.

A figure faces right. Those on the ground rise from y = 0; those in the air lie around (0, 0).
"""

from draw.canvas import (
    BLACK,
    PAINTS,
    WHITE,
    Canvas,
    Colour,
    Dice,
    at,
    dark,
    mix,
    pale,
    palette,
)

FURS = palette("d69650 784e30 3c3634 ece4d6 968c84 b26434")
PLUMES = palette("5a6ea0 825a3c c83c32 467850 3c3c42 e6be3c")
SEAGULLS = palette("f6f6f2 6e5a4b 3c3c46 5a82be b4aaa0 cd4637")
DEER = palette("a87040 8c6240 ba8454 7a5a46")
FROGS = palette("5ca03c 468238 82aa3c 6e783c 3c9664 966e3c 3c6ebe")
HORSES = palette("844a28 3c2e2a b06e3c e8e2d6 807e80 cea464")
TONGUE = (230, 110, 120)
EYE = (245, 215, 80)


def bird_perched(c: Canvas, d: Dice) -> None:
    """Songbird standing: round breast, wing, tail, beak, thin legs."""
    back = d.tint(d.pick(PLUMES))
    breast = d.tint(d.pick([(240, 225, 200), (225, 120, 60), (245, 240, 235), back]))
    for x in (-0.08, 0.12):
        c.line(at("0,-50 4,-2 16,-2", x=x), 0.06, (190, 120, 50), smooth=False)
    c.poly("-35,-62 -105,-20 -98,-6 -80,-8 -20,-46", dark(back, 0.3))
    outline = "-55,-62 -20,-98 20,-130 50,-150 76,-130 70,-105 62,-75 35,-42 -10,-38"
    body = c.blob(outline, back, shade=0.2)
    c.blob("60,-115 75,-70 30,-30 -15,-36 20,-62", breast, within=body)
    c.blob("30,-98 26,-66 -10,-50 -70,-36 -30,-80", dark(back, 0.4))
    c.line("15,-68 -45,-46", 0.04, pale(back, 0.3))
    c.poly("70,-138 106,-122 72,-114", (240, 160, 40))
    c.oval(0.54, -1.28, 0.085, 0.085, BLACK, shade=0)
    c.oval(0.57, -1.31, 0.03, 0.03, WHITE, shade=0)


def bird_flying(c: Canvas, d: Dice) -> None:
    """Bird in the air: both wings out, spread tail, pointed beak."""
    coat = d.tint(d.pick(SEAGULLS))
    far, near = d.between(-0.9, -0.45), d.between(-0.75, 0.7)  # how high the wing tips are
    _bird_wing(c, 0.06, far, coat, 0.3)
    c.poly("-40,-6 -95,-12 -86,3 -95,18 -40,10", dark(coat, 0.3))
    c.blob("-60,2 -10,-16 40,-16 60,0 30,17 -10,17", coat)
    _bird_wing(c, -0.06, near, coat, 0.12)
    c.oval(0.58, -0.1, 0.18, 0.15, coat)
    c.poly("70,-16 100,-4 70,0", (240, 160, 40))
    c.oval(0.63, -0.13, 0.05, 0.05, BLACK, shade=0)


def _bird_wing(c: Canvas, x: float, tip: float, coat: Colour, shade: float) -> None:
    wing = c.blob(at("30,0 20,55 -22,110 -42,100 -32,60 -26,0", 1, tip, x), dark(coat, shade))
    c.oval(-0.38 + x, tip * 1.05, 0.22, 0.2, dark(coat, 0.55), within=wing)


def bird_water(c: Canvas, d: Dice) -> None:
    """Duck or swan on the water: curved neck, flat beak, folded wing."""
    swan = d.chance(0.5)
    coat = d.tint(WHITE if swan else (140, 105, 75), 8)
    head = coat if swan else d.pick([(30, 110, 70), (120, 90, 65)])
    top = -1.45 if swan else -1.05
    c.blob("-100,-50 -60,-46 -10,-56 40,-50 66,-22 40,2 -40,2 -80,-14", coat, shade=0.35)
    neck = [(0.46, -0.25), (0.62, -0.5), (0.4, (top - 0.5) / 2), (0.5, top + 0.1)]
    c.line(neck, 0.3, head, end=0.24)
    c.oval(0.56, top + 0.08, 0.2, 0.17, head)
    c.poly(at("70,0 102,14 100,22 68,18", y=top), (240, 140, 40))
    c.oval(0.62, top + 0.04, 0.045, 0.045, BLACK, shade=0)
    c.blob("30,-42 20,-14 -30,-10 -90,-40 -30,-50", dark(coat, 0.18))
    for x in (-0.6, 0.0, 0.6):
        c.line([(x - 0.4, 0.05), (x + 0.3, 0.05)], 0.06, (225, 240, 250), opacity=0.6)


def gait(d: Dice, reach: float) -> list[float]:
    """How far the feet of the four legs (far hind, far fore, near hind, near fore) swing."""
    step = d.between(-reach, reach)
    return [step, -step, -step * d.between(0.5, 1), step * d.between(0.5, 1)]


def leg(c: Canvas, x, hip, swing, width, colour, foot=None) -> None:
    """A leg from (x, hip) to the ground, bent at the knee, its foot moved by `swing`."""
    knee, heel = (x + swing * 0.35 + 0.03, hip * 0.48), (x + swing, -width * 0.3)
    c.line([(x, hip), knee, heel], width * 1.5, colour, end=width * 0.75, shade=0.1)
    if foot:
        c.line([heel, (heel[0] + width * 0.4, -width * 0.3)], width * 0.8, foot)


def cat_standing(c: Canvas, d: Dice) -> None:
    """Cat from the side: raised long tail, round head with pointed ears, striped back."""
    fur = d.tint(d.pick(FURS))
    swing, tail = gait(d, 0.16), d.between(-1.55, -1.2)
    c.line([(-0.6, -0.7), (-0.88, -0.85), (-0.86, tail + 0.2), (-0.7, tail)], 0.16, fur, end=0.11)
    for x, s in ((-0.42, swing[0]), (0.34, swing[1])):
        leg(c, x, -0.5, s, 0.13, dark(fur, 0.35))
    body = c.blob("-68,-70 -30,-82 20,-78 52,-84 56,-50 20,-36 -30,-38 -64,-42", fur)
    if d.chance(0.6):
        for i in range(5):
            c.line(at("-52,-90 -50,-55", x=0.2 * i), 0.075, dark(fur, 0.5), within=body)
    for x, s in ((-0.52, swing[2]), (0.44, swing[3])):
        leg(c, x, -0.5, s, 0.14, fur, pale(fur, 0.5))
    _cat_head(c, 0.62, -1.02, 0.34, fur, d)


def cat_sitting(c: Canvas, d: Dice) -> None:
    """Cat sitting: pear-shaped body, tail curled round the paws."""
    fur = d.tint(d.pick(FURS))
    c.line("-35,-20 -80,-12 -86,-50 -60,-70", 0.17, dark(fur, 0.15), end=0.1)
    body = c.blob("-50,-10 -50,-50 -25,-95 10,-115 36,-90 42,-40 46,-5 0,0", fur)
    if d.chance(0.6):
        for i in range(4):
            c.line(at("-60,-30 -12,-40", y=-0.19 * i), 0.08, dark(fur, 0.5), within=body)
    c.blob("30,-95 40,-60 20,-45 8,-80", pale(fur, 0.5), within=body)
    for x in (0.14, 0.36):
        c.line(at("0,-50 0,-8 7,-6", x=x), 0.15, pale(fur, 0.12))
    _cat_head(c, 0.16, -1.36, 0.46, fur, d)


def cat_face(c: Canvas, d: Dice) -> None:
    """Cat's face close up."""
    fur = d.tint(d.pick(FURS))
    c.blob("-80,140 -60,50 60,50 80,140", dark(fur, 0.15))
    _cat_head(c, 0, 0.08, 0.86, fur, d)


def _cat_head(c: Canvas, x: float, y: float, r: float, fur: Colour, d: Dice) -> None:
    """Round head: two pointed ears, slit eyes, small nose, whiskers."""

    def on(points, side=1):
        return at(points, side * r, r, x, y)

    eye = d.pick([(150, 200, 80), (240, 190, 60), (120, 190, 220)])
    for side in (-1, 1):
        c.poly(on("95,-20 88,-130 18,-72", side), fur)
        c.poly(on("80,-45 80,-105 40,-70", side), (225, 150, 145))
    head = c.oval(x, y, r * 1.04, r * 0.86, fur)
    if d.chance(0.5):
        for stripe in ("-22,-90 -16,-50", "0,-90 0,-50", "22,-90 16,-50"):
            c.line(on(stripe), 0.11 * r, dark(fur, 0.5), within=head)
    c.oval(x, y + 0.42 * r, r * 0.45, r * 0.32, pale(fur, 0.6))
    for side in (-1, 1):
        c.oval(x + side * 0.42 * r, y - 0.1 * r, r * 0.24, r * 0.2, eye, shade=0)
        c.oval(x + side * 0.42 * r, y - 0.1 * r, r * 0.08, r * 0.19, BLACK, shade=0)
        for whisker in ("30,36 140,10", "30,36 140,32", "30,36 140,52"):
            c.line(on(whisker, side), 0.04 * r, WHITE, opacity=0.9)
    c.poly(on("-13,20 13,20 0,36"), (215, 110, 115))
    c.line(on("0,36 0,50"), 0.06 * r, dark(fur, 0.6))


def deer_standing(c: Canvas, d: Dice) -> None:
    """Deer from the side: branching antlers, slender legs, upright neck, white tail."""
    coat = d.tint(d.pick(DEER), 14)
    swing = gait(d, 0.2)
    for x, s in ((-0.44, swing[0]), (0.22, swing[1])):
        leg(c, x, -0.68, s, 0.085, dark(coat, 0.35), BLACK)
    c.poly("-58,-98 -76,-92 -70,-72 -56,-75", WHITE)
    c.line("22,-85 42,-110 50,-138", 0.3, coat, end=0.19)
    body = c.blob("-64,-88 -30,-100 10,-96 42,-98 42,-68 10,-56 -30,-60 -60,-58", coat)
    c.oval(-0.05, -0.56, 0.4, 0.09, pale(coat, 0.6), within=body)
    if d.chance(0.4):
        for i in range(6):
            y = -0.86 + 0.08 * (i % 2)
            c.oval(-0.5 + 0.15 * i, y, 0.035, 0.03, pale(coat, 0.8), within=body)
    for x, s in ((-0.52, swing[2]), (0.32, swing[3])):
        leg(c, x, -0.68, s, 0.095, coat, BLACK)
    _deer_head(c, d, coat)


def _deer_head(c: Canvas, d: Dice, coat) -> None:
    c.poly("42,-140 16,-150 34,-132", dark(coat, 0.2))
    antler, tall = d.tint((205, 180, 140)), d.between(0.85, 1.15)
    for tilt, tone in ((-0.14, dark(antler, 0.3)), (0.12, antler)):
        x = 0.5 + tilt / 3
        tip = (x + 1.6 * tilt - 0.1, -1.45 - 0.55 * tall)
        c.line([(x, -1.45), (x + 2.4 * tilt - 0.12, -1.68), tip], 0.075, tone, end=0.05)
        for height, out in ((0.4, 0.2), (0.65, 0.2), (0.8, -0.16)):
            px, py = x + 2 * tilt * height - 0.1 * height, -1.45 - 0.5 * tall * height
            c.line([(px, py), (px + out, py - 0.16)], 0.06, tone, end=0.04)
    c.line("50,-140 84,-124", 0.25, coat, end=0.14)
    c.oval(0.88, -1.22, 0.06, 0.055, BLACK)
    c.oval(0.58, -1.42, 0.045, 0.045, BLACK, shade=0)


def deer_front(c: Canvas, d: Dice) -> None:
    """Deer's head from the front: wide antlers, ears held sideways, long face."""
    coat = d.tint(d.pick(DEER), 14)
    antler = d.tint((205, 180, 140))
    c.blob("-50,150 -30,40 30,40 50,150", dark(coat, 0.15))
    for side in (-1, 1):
        c.line(at("14,-20 55,-50 62,-100", side), 0.1, antler, end=0.06)
        for height, out in ((0.35, 0.3), (0.7, 0.26), (0.6, -0.22)):
            px, py = side * (0.2 + 0.42 * height), -0.3 - 0.6 * height
            c.line([(px, py), (px + side * out, py - 0.26)], 0.075, antler, end=0.05)
        c.blob(at("20,-10 55,-30 78,-22 50,4", side), coat)
        c.blob(at("32,-10 55,-22 68,-20 50,-4", side), (225, 180, 160))
    c.blob("-32,-14 0,-28 32,-14 26,30 16,72 -16,72 -26,30", coat)
    c.oval(0, 0.62, 0.15, 0.16, pale(coat, 0.5))
    c.oval(0, 0.56, 0.11, 0.08, BLACK)
    for side in (-1, 1):
        c.oval(side * 0.22, 0.08, 0.07, 0.075, BLACK, shade=0)


def dog_standing(c: Canvas, d: Dice) -> None:
    """Dog from the side: hanging ear, long muzzle, tongue, short raised tail, collar."""
    fur, patch = d.tint(d.pick(FURS)), d.tint(d.pick(FURS))
    swing, tail = gait(d, 0.2), d.between(-0.15, 0.2)
    c.line([(-0.62, -0.8), (-0.86, -0.96), (-0.98, -1.25 + tail)], 0.15, fur, end=0.07)
    for x, s in ((-0.44, swing[0]), (0.26, swing[1])):
        leg(c, x, -0.6, s, 0.14, dark(fur, 0.35))
    body = c.blob("-68,-80 -30,-90 20,-88 50,-100 52,-60 25,-44 -30,-52 -64,-50", fur)
    c.line("36,-80 54,-115", 0.38, fur, end=0.3)
    if d.chance(0.5):
        c.oval(d.between(-0.5, 0.1), -0.78, 0.26, 0.2, patch, within=body)
    for x, s in ((-0.54, swing[2]), (0.36, swing[3])):
        leg(c, x, -0.6, s, 0.15, fur, pale(fur, 0.3))
    c.line("32,-100 62,-88", 0.08, d.pick(PAINTS))
    _dog_profile(c, d, fur)


def _dog_profile(c: Canvas, d: Dice, fur) -> None:
    if d.chance(0.6):
        c.line("80,-110 84,-90", 0.11, TONGUE)
    c.line("62,-120 98,-116", 0.26, pale(fur, 0.2), end=0.2)
    c.oval(0.56, -1.28, 0.27, 0.26, fur)
    c.oval(1.06, -1.22, 0.075, 0.07, BLACK)
    c.oval(0.68, -1.34, 0.05, 0.055, BLACK, shade=0)
    c.blob("36,-146 56,-134 54,-100 40,-88 26,-110", dark(fur, 0.45))


def dog_face(c: Canvas, d: Dice, fur=None, blaze=None) -> None:
    """Dog's face close up: ears hanging at both sides, big muzzle and nose, tongue."""
    fur = fur or d.tint(d.pick(FURS))
    ear = dark(fur if blaze else d.pick([fur, (110, 70, 45), fur]), 0.4)
    c.blob("-80,140 -55,50 55,50 80,140", dark(fur, 0.15))
    c.line("-50,86 0,98 50,86", 0.14, d.pick(PAINTS))
    c.blob("-62,-20 -40,-72 0,-82 40,-72 62,-20 50,40 0,66 -50,40", fur)
    if blaze or d.chance(0.5):
        c.blob("-10,-80 10,-80 20,10 -20,10", blaze or pale(fur, 0.7))
    for side in (-1, 1):
        c.blob(at("40,-74 74,-66 96,0 84,50 62,20 52,-30", side), ear)
    if d.chance(0.6):
        c.line("0,50 3,82", 0.24, TONGUE)
    c.oval(0, 0.3, 0.38, 0.32, blaze or pale(fur, 0.4))
    for side in (-1, 1):
        c.line(at("0,20 0,42 13,48 25,40", side), 0.04, BLACK)
    c.oval(0, 0.12, 0.18, 0.13, BLACK)
    for side in (-1, 1):
        c.oval(side * 0.28, -0.22, 0.11, 0.12, WHITE, shade=0)
        c.oval(side * 0.27, -0.2, 0.085, 0.1, (50, 30, 20), shade=0)


def dog_sitting(c: Canvas, d: Dice) -> None:
    """Dog sitting, chest and face towards us."""
    fur = d.tint(d.pick(FURS))
    c.line("-40,-15 -75,-20 -92,-50", 0.16, fur, end=0.08)
    c.blob("-52,-5 -50,-50 -20,-95 20,-95 50,-50 52,-5", fur)
    c.oval(0, -0.6, 0.2, 0.32, pale(fur, 0.6))
    for x in (-0.16, 0.16):
        c.line([(x, -0.6), (x, -0.08)], 0.19, pale(fur, 0.15))
    c.line("-26,-94 26,-94", 0.1, d.pick(PAINTS))
    c.blob("-36,-130 -24,-162 0,-170 24,-162 36,-130 20,-95 -20,-95", fur)
    for side in (-1, 1):
        c.blob(at("24,-162 46,-156 58,-110 42,-100 32,-134", side), dark(fur, 0.45))
        c.oval(side * 0.16, -1.36, 0.06, 0.07, BLACK, shade=0)
    c.line("0,-98 0,-86", 0.13, TONGUE)
    c.oval(0, -1.08, 0.2, 0.17, pale(fur, 0.4))
    c.oval(0, -1.18, 0.1, 0.075, BLACK)


def frog_side(c: Canvas, d: Dice) -> None:
    """Frog crouching: bulging eye, wide mouth, folded hind leg, long toes."""
    skin = d.tint(d.pick(FROGS))
    belly = mix(skin, (240, 235, 190), 0.7)
    c.line("40,-40 50,-4 78,-3", 0.16, dark(skin, 0.35), end=0.08)
    body = c.blob("-85,-20 -60,-55 -10,-85 40,-100 80,-88 98,-68 80,-46 40,-22 -30,-6", skin)
    c.blob("95,-62 60,-50 10,-12 40,-10 80,-40", belly, within=body)
    for _ in range(5):
        x, y = d.between(-0.6, 0.4), d.between(-0.8, -0.35)
        c.oval(x, y, 0.08, 0.055, dark(skin, 0.4), within=body)
    c.line("-20,-14 -85,-6 -30,-3", 0.13, dark(skin, 0.15), end=0.1)
    c.blob("-92,-16 -62,-50 -20,-50 2,-26 -40,-10", mix(skin, BLACK, 0.12))
    c.line("-25,-5 12,-3", 0.1, dark(skin, 0.2))
    c.line("30,-36 20,-6 46,-3", 0.17, skin, end=0.1)
    c.line("98,-68 74,-62 50,-68", 0.045, dark(skin, 0.7))
    c.oval(0.52, -1.02, 0.2, 0.19, skin)
    c.oval(0.56, -1.04, 0.14, 0.14, EYE, shade=0)
    c.oval(0.58, -1.04, 0.09, 0.065, BLACK, shade=0)


def frog_front(c: Canvas, d: Dice) -> None:
    """Frog from the front: two eyes on top, very wide mouth, bent knees at both sides."""
    skin = d.tint(d.pick(FROGS))
    belly = mix(skin, (240, 235, 190), 0.7)
    for side in (-1, 1):
        c.blob(at("40,-20 62,-62 98,-50 92,-10 60,-2", side), dark(skin, 0.2))
        c.line(at("60,-5 100,-4", side), 0.1, dark(skin, 0.3))
    c.blob("-58,-20 -66,-70 -30,-105 30,-105 66,-70 58,-20 0,-2", skin)
    c.blob("-50,-50 0,-42 50,-50 40,-14 0,-6 -40,-14", belly)
    c.line("-60,-70 -30,-56 30,-56 60,-70", 0.06, dark(skin, 0.7))
    for side in (-1, 1):
        c.oval(side * 0.36, -1.08, 0.24, 0.22, skin)
        c.oval(side * 0.37, -1.09, 0.16, 0.15, EYE, shade=0)
        c.oval(side * 0.37, -1.09, 0.12, 0.065, BLACK, shade=0)
        c.line(at("36,-40 34,-5", side), 0.16, skin)
        for toe in (-0.12, 0, 0.12):
            c.line([(side * 0.34, -0.06), (side * 0.34 + toe, 0.02)], 0.06, skin)


def frog_top(c: Canvas, d: Dice) -> None:
    """Frog from above: egg-shaped body, two eyes at the front, folded legs spread."""
    skin = d.tint(d.pick(FROGS))
    for side in (-1, 1):
        c.line(at("-55,25 -10,75 -75,70", 1, side), 0.24, dark(skin, 0.2), end=0.14)
        c.line(at("20,30 42,66 70,62", 1, side), 0.15, dark(skin, 0.2), end=0.09)
        for toe in (-0.14, 0, 0.14):
            c.line([(-0.75, side * 0.7), (-1.02, side * 0.7 + toe)], 0.07, dark(skin, 0.2))
            c.line([(0.68, side * 0.62), (0.9, side * 0.62 + toe)], 0.06, dark(skin, 0.2))
    body = c.blob("-80,0 -50,-36 10,-44 60,-36 90,0 60,36 10,44 -50,36", skin)
    c.line("-70,0 70,0", 0.09, pale(skin, 0.35), within=body)
    for _ in range(7):
        x, y = d.between(-0.6, 0.4), d.between(-0.3, 0.3)
        c.oval(x, y, 0.09, 0.08, dark(skin, 0.45), within=body)
    for side in (-1, 1):
        c.oval(0.5, side * 0.33, 0.17, 0.15, EYE, shade=0)
        c.oval(0.52, side * 0.34, 0.1, 0.07, BLACK, shade=0)


def horse_standing(c: Canvas, d: Dice) -> None:
    """Horse from the side: arched neck with a mane, long face, long tail, hooves."""
    coat = d.tint(d.pick(HORSES))
    mane = d.pick([dark(coat, 0.7), dark(coat, 0.5), mix(coat, (240, 225, 190), 0.7)])
    swing = gait(d, 0.28)
    c.line("-66,-100 -90,-85 -92,-35", 0.17, mane, end=0.1)
    for x, s in ((-0.48, swing[0]), (0.3, swing[1])):
        leg(c, x, -0.72, s, 0.13, dark(coat, 0.35), BLACK)
    c.blob("-70,-95 -45,-110 0,-102 40,-110 52,-80 25,-60 -30,-62 -66,-65", coat)
    c.poly("10,-102 40,-172 68,-160 54,-82", coat, shade=0.1)
    for x, s in ((-0.56, swing[2]), (0.38, swing[3])):
        leg(c, x, -0.72, s, 0.14, coat, BLACK)
    c.line("52,-162 92,-124", 0.3, coat, end=0.19, shade=0.1)
    c.oval(0.92, -1.22, 0.1, 0.09, dark(coat, 0.4))
    c.poly("40,-166 44,-198 56,-172", coat)
    c.line("58,-182 36,-172 18,-136 2,-102", 0.15, mane, end=0.16)
    c.oval(0.62, -1.58, 0.045, 0.045, BLACK, shade=0)
    if d.chance(0.35):
        c.line("70,-156 86,-136", 0.06, WHITE)


def horse_head(c: Canvas, d: Dice) -> None:
    """Horse's head and neck close up, in profile."""
    coat = d.tint(d.pick(HORSES))
    mane = d.pick([dark(coat, 0.7), mix(coat, (240, 225, 190), 0.7)])
    c.blob("-90,150 -75,20 -40,-50 0,-75 30,-40 10,20 10,70 30,150", coat)
    c.poly("-16,-66 -12,-112 10,-70", coat)
    c.poly("6,-66 16,-108 26,-60", dark(coat, 0.25))
    c.blob("-10,-60 25,-66 55,-25 92,28 88,55 66,60 30,26 -5,10", coat)
    c.blob("74,20 94,30 90,58 64,60", dark(coat, 0.35))
    c.line("10,-76 -30,-62 -65,0 -85,90", 0.3, mane, end=0.42)
    c.line("-5,-80 12,-40", 0.16, mane, end=0.07)
    c.oval(0.3, -0.3, 0.075, 0.07, BLACK, shade=0)
    c.oval(0.84, 0.4, 0.05, 0.06, BLACK, shade=0)
    if d.chance(0.5):
        band = d.pick(PAINTS)
        c.line("2,-50 16,14", 0.06, band)
        c.line("70,-2 46,38", 0.07, band)
