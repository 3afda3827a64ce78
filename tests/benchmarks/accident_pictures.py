"""Accidents of pictures: other ones when a run goes on, or while it trains."""

import shutil
from pathlib import Path

from accident import Accident, damage
from forked import at_step
from picture_folders import COLOURS
from PIL import Image


class OtherPictures(Accident):
    name = "pictures removed, added, replaced, renamed before it goes on"
    remedy = "restore the data|cannot be read|different classes"

    def happen(self):
        self.begin()
        self.keep()
        self.chance.choice([self.removed, self.added, self.replaced, self.renamed, self.damaged])()
        return self.again(self.place.resume)

    def keep(self) -> None:
        shutil.copytree(self.place.pictures, self.place.folder / "kept")

    def repair(self):
        shutil.rmtree(self.place.pictures, ignore_errors=True)
        shutil.copytree(self.place.folder / "kept", self.place.pictures)

    def one(self) -> Path:
        return self.chance.choice(sorted(self.place.pictures.rglob("*.png")))

    def removed(self) -> None:
        self.one().unlink()

    def added(self) -> None:
        one = self.one()
        shutil.copy(one, one.with_name("more.png"))

    def replaced(self) -> None:
        one, other = self.one(), self.one()
        if one.read_bytes() == other.read_bytes():
            return self.replaced()
        shutil.copy(other, one)

    def renamed(self) -> None:
        one = self.one()
        one.rename(one.with_name("other.png"))

    def damaged(self) -> None:
        damage(self.one(), self.chance)


class OtherClasses(OtherPictures):
    name = "class folders renamed before it goes on"

    def happen(self):
        self.begin()
        self.keep()
        old = self.chance.choice(sorted(COLOURS))
        new = self.chance.choice(["another", "zebra", "h"])
        for split in ("train", "val"):
            (self.place.pictures / split / old).rename(self.place.pictures / split / new)
        return self.again(self.place.resume)


class SamePlace(OtherPictures):
    name = "pixels changed, names and sizes as before"

    def set_up(self):
        for path in self.place.pictures.rglob("*.png"):
            with Image.open(path) as image:
                image.save(path.with_suffix(".bmp"))
            path.unlink()

    def happen(self):
        self.begin()
        self.keep()
        one = self.chance.choice(sorted(self.place.pictures.rglob("*.bmp")))
        content = bytearray(one.read_bytes())
        content[-self.chance.randint(1, 3000)] ^= 64
        one.write_bytes(content)
        return self.again(self.place.resume)


class PicturesGo(OtherPictures):
    name = "pictures are lost or damaged while it trains"
    remedy = r"failed: .*pictures/|cannot be read"

    def during(self):
        self.keep()
        away = self.place.folder / "away"
        if self.chance.random() < 0.5:  # the disk with all of them
            return at_step(self.place.step(), lambda: self.place.pictures.rename(away))
        one = self.one()
        return at_step(self.place.step(), lambda: damage(one, self.chance))

    def happen(self):
        return Accident.happen(self)


PICTURES = [OtherPictures, OtherClasses, SamePlace, PicturesGo]
