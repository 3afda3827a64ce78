"""The vehicles of CIFAR-10, and the garbage truck of ImageNet.

A figure faces right. Those on the ground rise from y = 0; those in the air lie around (0, 0).
"""

from draw.canvas import (
    BLACK,
    GLASS,
    PAINTS,
    WHITE,
    Canvas,
    Dice,
    at,
    dark,
    mix,
    pale,
    palette,
)

AIRLINERS = palette("f6f6f2 cdd4dc ebe6d7 c82828 2850b4")
GREYS = palette("f6f6f2 bec6cd 78828c 5a6955")
HULLS = palette("c82828 2850b4 ebebeb 2d2d34 3c465a 963c32")
LAMP = (255, 240, 170)
ROOF_LINES = (  # saloon, hatchback, sports car, van
    "-62,-58 -36,-95 22,-95 50,-58",
    "-90,-58 -72,-98 15,-98 52,-58",
    "-60,-52 -30,-78 10,-78 45,-52",
    "-66,-60 -56,-108 30,-108 44,-60",
)
LORRIES = palette("468c50 ecece8 e68c32 466ea0")


def plane_side(c: Canvas, d: Dice) -> None:
    """Airliner from the side: swept wings, engine, tail fin, row of windows."""
    hull, trim = d.tint(d.pick(AIRLINERS)), d.pick(PAINTS)
    c.poly("28,-10 -12,-46 4,-46 50,-10", dark(hull, 0.35))
    c.poly("-55,-10 -98,-62 -74,-62 -36,-12", trim)
    c.blob("-100,-10 -50,-17 55,-18 85,-12 100,2 85,12 30,16 -45,12", hull, shade=0.35)
    if d.chance(0.5):
        c.line("-90,-2 90,5", 0.06, trim, smooth=False)
    for i in range(9):
        c.oval(-0.5 + 0.13 * i, -0.07, 0.035, 0.04, GLASS)
    c.poly("76,-12 90,-8 90,0 76,-2", dark(GLASS, 0.4))
    c.line("-2,27 20,27", 0.17, dark(trim, 0.2))
    c.poly("42,5 -8,7 -56,60 -36,60", dark(hull, 0.18))
    c.poly("-68,-4 -106,14 -86,15 -50,0", dark(hull, 0.25))


def plane_top(c: Canvas, d: Dice) -> None:
    """Aircraft from above or below: a cross of fuselage, swept wings and tailplane."""
    hull, trim = d.tint(d.pick(GREYS)), d.pick(PAINTS)
    sweep, jet = d.between(0.1, 0.55), d.chance(0.3)
    span, root = (0.75, -0.5) if jet else (1.0, -0.2)
    for side in (-1, 1):
        tip = [(0.25 - sweep, span), (0.07 - sweep, span)]
        c.poly(at([(0.3, 0.08), *tip, (root, 0.08)], 1, side), dark(hull, 0.15))
        c.poly(at("-62,0 -88,38 -100,38 -90,0", 1, side), dark(hull, 0.2))
        c.line(at("12,40 30,40", 1, side, -sweep / 3), 0.13, dark(trim, 0.2))
        c.oval(0.14 - sweep, 0.85 * span * side, 0.08, 0.08, trim)
    c.blob("-100,0 -70,-9 60,-13 100,0 60,13 -70,9", hull)
    c.oval(0.72, 0, 0.1, 0.07, GLASS)
    c.line("-95,0 -60,0", 0.06, trim)


def plane_propeller(c: Canvas, d: Dice) -> None:
    """Small propeller plane: high wing or two wings, wheels, turning propeller."""
    hull, trim = d.tint(d.pick(PAINTS)), d.pick([WHITE, (240, 190, 40), BLACK])
    two = d.chance(0.5)
    c.line("28,15 36,42", 0.06, BLACK)
    c.oval(0.36, 0.46, 0.12, 0.12, BLACK)
    c.poly("-70,-6 -100,-48 -78,-50 -50,-10", trim)
    c.blob("-100,-6 -40,-17 10,-26 60,-20 76,0 60,20 0,20", hull)
    c.poly("0,-20 12,-36 34,-34 44,-20", GLASS)
    c.line("-85,-2 -60,2", 0.09, trim)
    for y in (-0.46, 0.16) if two else (-0.38,):
        c.poly(at("-34,6 -38,-4 50,-10 56,2", y=y), mix(hull, trim, 0.6))
    if two:
        c.line("-15,-42 -15,15", 0.04, BLACK)
        c.line("42,-42 42,15", 0.04, BLACK)
    c.oval(0.8, 0, 0.045, 0.5, pale(hull, 0.6), opacity=0.6)
    c.oval(0.8, 0, 0.07, 0.08, BLACK)


def wheel(c: Canvas, x: float, radius: float, hub=(190, 190, 195)) -> None:
    """A wheel standing on the ground at x."""
    c.oval(x, -radius, radius, radius, BLACK, shade=0)
    c.oval(x, -radius, radius * 0.5, radius * 0.5, hub)


def car_side(c: Canvas, d: Dice) -> None:
    """Car from the side: saloon, hatchback, sports car or van, by its roof line."""
    paint = d.tint(d.pick(PAINTS))
    roof = at(d.pick(ROOF_LINES))
    c.poly(roof, dark(paint, 0.1))
    c.poly(at(roof, 0.88, 0.94, -0.005, -0.01), GLASS, shade=0.5)
    c.line([(-0.08, roof[1, 1] + 0.05), (-0.08, -0.5)], 0.07, dark(paint, 0.1))
    outline = "-98,-30 -94,-54 -60,-62 0,-60 50,-60 90,-50 100,-30 90,-16 0,-16 -90,-16"
    c.blob(outline, paint, shade=0.5)
    c.line("-95,-26 96,-26", 0.05, dark(paint, 0.5))
    c.line("-6,-55 -6,-22", 0.025, dark(paint, 0.5))
    c.oval(0.91, -0.42, 0.07, 0.06, LAMP)
    c.oval(-0.94, -0.44, 0.04, 0.07, (230, 50, 40))
    for x in (-0.56, 0.56):
        c.oval(x, -0.22, 0.27, 0.26, dark(paint, 0.7))
        wheel(c, x, 0.22)


def car_front(c: Canvas, d: Dice) -> None:
    """Car from the front or from behind: two lights, windscreen, number plate."""
    paint, rear = d.tint(d.pick(PAINTS)), d.chance(0.3)
    lamp = (225, 40, 35) if rear else LAMP
    for x in (-0.62, 0.62):
        c.box(x - 0.16, -0.35, x + 0.16, 0, BLACK)
    c.blob("-66,-72 -50,-128 0,-136 50,-128 66,-72", dark(paint, 0.15))
    c.poly("-60,-80 -44,-122 44,-122 60,-80", GLASS, shade=0.6)
    c.blob("-85,-30 -85,-70 -50,-84 50,-84 85,-70 85,-30 60,-16 -60,-16", paint, shade=0.4)
    c.box(-0.36, -0.5, 0.36, -0.34, dark(paint, 0.3) if rear else (40, 40, 46))
    c.box(-0.2, -0.3, 0.2, -0.18, WHITE)
    for x in (-0.62, 0.62):
        c.oval(x, -0.54, 0.16, 0.11, lamp)
        c.oval(x * 1.52, -0.86, 0.09, 0.06, dark(paint, 0.3))


def ship_steamer(c: Canvas, d: Dice) -> None:
    """Ship from the side: hull with a bow, white deck house, funnels, mast, portholes."""
    hull, trim = d.tint(d.pick(HULLS)), d.pick(PAINTS)
    c.line("50,-60 50,-135", 0.04, BLACK)
    c.line("50,-125 86,-50", 0.02, BLACK)
    for i in range(d.pick([1, 2, 3])):
        c.poly(at("-50,-70 -53,-120 -33,-120 -28,-70", x=0.36 * i), trim)
        c.box(-0.54 + 0.36 * i, -1.24, -0.32 + 0.36 * i, -1.12, BLACK)
    c.poly("-70,-40 -68,-66 44,-66 60,-40", WHITE)
    c.poly("-50,-62 -46,-84 30,-84 36,-62", WHITE)
    for i in range(7):
        c.oval(-0.55 + 0.16 * i, -0.53, 0.045, 0.045, GLASS)
    c.line("-40,-74 26,-74", 0.06, GLASS)
    _hull(c, d, hull)


def ship_sail(c: Canvas, d: Dice) -> None:
    """Sailing boat: mast, two sails, low hull."""
    sail = d.tint(d.pick([WHITE, (240, 230, 205), (205, 70, 60), (240, 200, 90)]), 8)
    c.line("6,-40 6,-175", 0.06, (110, 80, 55))
    c.blob("0,-168 -30,-110 -74,-55 0,-50", sail)
    c.blob("13,-158 40,-110 80,-52 13,-50", dark(sail, 0.12))
    if d.chance(0.4):
        c.line("-36,-90 0,-90", 0.1, d.pick(PAINTS))
    _hull(c, d, d.tint(d.pick(PAINTS)))


def ship_cargo(c: Canvas, d: Dice) -> None:
    """Container ship: stacked boxes in many colours, bridge at the stern."""
    for i in range(6):
        for j in range(d.pick([1, 2, 2, 3])):
            x, y = -0.36 + 0.21 * i, -0.46 - 0.2 * j
            c.box(x, y - 0.19, x + 0.2, y, d.tint(d.pick(PAINTS)), shade=0.1)
    c.box(-0.84, -1.15, -0.5, -0.4, WHITE)
    c.box(-0.9, -1.1, -0.44, -0.96, GLASS)
    c.box(-0.74, -1.35, -0.6, -1.15, d.pick(PAINTS))
    _hull(c, d, d.tint(d.pick(HULLS)))


def _hull(c: Canvas, d: Dice, paint) -> None:
    """A hull with its bow to the right, and the water's edge in front of it."""
    body = c.poly("-95,-42 108,-50 80,6 -84,6", paint, shade=0.35)
    c.box(-1.2, -0.12, 1.2, 0.1, d.pick([(170, 50, 45), dark(paint, 0.4)]), within=body)
    c.line("-94,-42 105,-49", 0.05, pale(paint, 0.6))
    for x in (-0.8, -0.3, 0.2, 0.7):
        c.line(at("-35,6 0,2 35,6", x=x), 0.08, (225, 238, 245), opacity=0.8)


def truck_side(c: Canvas, d: Dice) -> None:
    """Lorry from the side: cab in front, long load behind — box, tank, gravel or logs."""
    paint, load = d.tint(d.pick(PAINTS)), d.tint(d.pick([WHITE, (200, 200, 205), *PAINTS]))
    kind = d.pick(["box", "box", "tank", "gravel", "logs"])
    c.box(-1.0, -0.4, 0.9, -0.24, (50, 50, 56))
    if kind == "box":
        c.box(-1.04, -1.35, 0.36, -0.36, load, shade=0.15)
        c.box(-1.04, -0.94, 0.36, -0.78, d.pick(PAINTS))
    elif kind == "tank":
        c.line("-78,-74 10,-74", 0.68, load, shade=0.7)
        for x in (-0.7, -0.34, 0.04):
            c.line([(x, -1.06), (x, -0.42)], 0.05, dark(load, 0.4))
    elif kind == "gravel":
        c.blob("-90,-85 -50,-122 -20,-112 10,-116 34,-80", d.tint((140, 110, 80)))
        c.poly("-106,-98 38,-88 30,-36 -90,-36", load)
        for x in (-0.7, -0.4, -0.1, 0.2):
            c.line([(x, -0.88), (x, -0.4)], 0.04, dark(load, 0.35))
    else:
        for y in (-0.5, -0.72, -0.94):
            c.line([(-1.0, y), (0.34, y)], 0.23, d.tint((150, 105, 65)))
        c.line("-80,-110 -80,-40", 0.05, BLACK)
        c.line("10,-110 10,-40", 0.05, BLACK)
    c.poly("42,-24 42,-112 78,-112 94,-72 100,-64 100,-24", paint, shade=0.3)
    c.poly("56,-102 76,-102 89,-68 56,-68", GLASS, shade=0.4)
    c.oval(0.96, -0.4, 0.05, 0.06, LAMP)
    for x in (-0.78, -0.4, 0.7):
        wheel(c, x, 0.21)


def truck_front(c: Canvas, d: Dice) -> None:
    """Lorry from the front: tall flat cab, high windscreen, grille, box above."""
    paint, load = d.tint(d.pick(PAINTS)), d.tint(d.pick([WHITE, (200, 200, 205), *PAINTS]))
    for x in (-0.52, 0.52):
        c.box(x - 0.16, -0.35, x + 0.16, 0, BLACK)
    c.box(-0.72, -1.9, 0.72, -0.4, load)
    c.box(-0.64, -1.5, 0.64, -0.22, paint, shade=0.3)
    c.box(-0.54, -1.4, 0.54, -0.95, GLASS, shade=0.6)
    c.line("0,-140 0,-95", 0.04, dark(paint, 0.3))
    for i in range(3):
        c.box(-0.34, -0.82 + 0.13 * i, 0.34, -0.75 + 0.13 * i, (40, 40, 46))
    c.box(-0.68, -0.36, 0.68, -0.2, (150, 150, 155))
    for x in (-0.5, 0.5):
        c.oval(x, -0.5, 0.11, 0.1, LAMP)
        c.box(x * 1.62 - 0.08, -1.32, x * 1.62 + 0.08, -1.0, BLACK)


def garbage_truck(c: Canvas, d: Dice) -> None:
    """Refuse lorry from the side: ribbed body, slanted hopper with a bin, orange lamp."""
    paint, body = d.tint(d.pick(PAINTS)), d.tint(d.pick(LORRIES))
    c.box(-0.95, -0.42, 0.9, -0.26, (50, 50, 56))
    c.poly("-66,-36 -66,-138 -56,-144 38,-138 38,-36", body, shade=0.25)
    for i in range(5):
        c.box(-0.5 + 0.18 * i, -1.32, -0.46 + 0.18 * i, -0.44, dark(body, 0.25))
    c.box(-0.62, -0.98, 0.34, -0.78, d.pick([WHITE, (240, 200, 60), (60, 120, 70)]))
    c.poly("-66,-142 -82,-136 -108,-72 -104,-34 -66,-34", dark(body, 0.3))
    c.poly("-84,-110 -98,-74 -96,-56 -76,-56 -76,-110", (40, 40, 44))
    for x, y in ((-0.9, -0.62), (-0.82, -0.68), (-0.86, -0.78)):
        c.oval(x, y, 0.08, 0.07, d.pick([(30, 30, 34), (220, 220, 216), (60, 70, 80)]))
    bin_colour = d.pick([(60, 110, 60), (60, 70, 90), (90, 90, 94)])
    c.poly("-134,-62 -110,-62 -112,-6 -130,-6", bin_colour)
    c.box(-1.36, -0.68, -1.08, -0.6, dark(bin_colour, 0.3))
    c.poly("42,-26 42,-124 84,-124 98,-78 100,-26", paint, shade=0.3)
    c.poly("54,-114 80,-114 92,-76 54,-76", GLASS, shade=0.5)
    c.line("50,-72 50,-34", 0.02, dark(paint, 0.4))
    c.box(0.56, -1.34, 0.72, -1.24, (250, 150, 40))
    c.oval(0.95, -0.42, 0.05, 0.06, (255, 240, 170))
    for x in (-0.62, -0.22, 0.68):
        wheel(c, x, 0.22)


def garbage_truck_rear(c: Canvas, d: Dice) -> None:
    """Refuse lorry from behind: open hopper full of bags, two lamps, warning stripes."""
    body = d.tint(d.pick(LORRIES))
    for x in (-0.52, 0.52):
        c.box(x - 0.17, -0.35, x + 0.17, 0, BLACK)
    c.blob("-76,-30 -76,-150 -60,-180 60,-180 76,-150 76,-30", body, shade=0.3)
    c.box(-0.76, -1.0, 0.76, -0.24, body)
    c.poly("-56,-130 56,-130 62,-66 -62,-66", (36, 36, 40))
    for x, y in at("-40,-78 -10,-80 22,-76 45,-80 -26,-95 10,-98 34,-94"):
        bag = d.tint(d.pick([(40, 42, 50), (70, 76, 90), (216, 216, 210), (60, 90, 120)]))
        c.oval(x, y, 0.19, 0.16, bag)
        c.line([(x, y - 0.1), (x + 0.03, y - 0.2)], 0.05, dark(bag))
    c.box(-0.72, -0.68, 0.72, -0.56, dark(body, 0.35))
    strip = c.box(-0.74, -0.42, 0.74, -0.26, (240, 200, 50))
    for i in range(-4, 5):
        c.line(at("-6,-24 6,-44", x=0.2 * i), 0.08, (200, 40, 36), within=strip)
    for x in (-0.64, 0.64):
        c.box(x - 0.07, -1.62, x + 0.07, -1.5, (240, 60, 40))
        c.oval(x, -0.49, 0.06, 0.05, (240, 60, 40))
    c.box(-0.1, -1.9, 0.1, -1.78, (250, 150, 40))
