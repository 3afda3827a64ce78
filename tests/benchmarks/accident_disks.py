"""Accidents of the disk and of a run's files: full, read-only, lost, emptied, cut, flipped."""

import os
import resource
import shutil
import subprocess

from accident import Accident, damage

NOBODY = 65534  # root may do everything; as this user permissions hold
ROOT = os.geteuid() == 0


class FullDisk(Accident):
    name = "a full disk"
    remedy = "make room"

    def set_up(self):
        self.place.run.mkdir()
        if ROOT:
            size = int(10 ** self.chance.uniform(4, 6.3))
            self._mount("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def during(self):
        if ROOT:
            return lambda: None
        size = int(10 ** self.chance.uniform(1, 5.4))
        limit = (size, resource.RLIM_INFINITY)
        return self.moment(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))

    def repair(self):
        if ROOT:
            self._mount("mount", "-o", "remount,size=100m")

    def clean(self):
        if ROOT:
            shutil.copytree(self.place.run, self.place.folder / "kept")
            self._mount("umount")
            self.place.run.rmdir()
            (self.place.folder / "kept").rename(self.place.run)

    def _mount(self, *words: str) -> None:
        subprocess.run([*words, str(self.place.run)], check=True)


class FileTooLarge(FullDisk):
    name = "a quota: files cannot grow"
    remedy = "make room"

    def set_up(self): ...

    def during(self):
        size = int(10 ** self.chance.uniform(1, 5.4))
        limit = (size, resource.RLIM_INFINITY)
        return self.moment(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))

    def repair(self): ...

    def clean(self): ...


class ReadOnly(Accident):
    name = "the run's folder becomes read-only"
    remedy = "make it writable"

    def set_up(self):
        self.before = self.chance.random() < 0.2
        self.place.run.mkdir()
        for path in (self.place.folder, self.place.run):
            shutil.chown(path, NOBODY) if ROOT else None
        if self.before:
            self.place.run.chmod(0o555)

    def during(self):
        def close() -> None:
            self.place.run.chmod(0o555)

        moment = (lambda: None) if self.before else self.moment(close)
        return lambda: (moment(), os.setuid(NOBODY) if ROOT else None)

    def repair(self):
        self.place.run.chmod(0o755)


class OpenFiles(Accident):
    name = "too many open files"
    remedy = "ulimit -n|go on with: course train"

    def during(self):
        more = self.chance.randint(0, 6)

        def limit() -> None:
            free = os.dup(1)
            os.close(free)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))

        return self.moment(limit)


# ---- files of the run ----


class DamagedCheckpoint(Accident):
    name = "a damaged or lost checkpoint, or its hashes"
    files = ("last.pt", "last.pt", "best.pt", "last.prev.pt", "last.pt.sha256", "best.pt.sha256")

    def happen(self):
        self.begin()
        there = [path for name in self.files if (path := self.place.run / name).is_file()]
        self.path = self.chance.choice(there)
        damage(self.path, self.chance)
        return self.again(self.place.resume)


class DamagedRecord(DamagedCheckpoint):
    name = "a damaged or lost record.json or config.json"
    files = ("record.json", "record.json", "config.json")
    remedy = r"(record|config)\.json"

    def happen(self):
        ends = super().happen()
        self.refused = ends[-1].code == 2
        return ends

    def repair(self):
        if self.refused:
            self.path.unlink()


DISKS = [FullDisk, FileTooLarge, ReadOnly, OpenFiles, DamagedCheckpoint, DamagedRecord]
