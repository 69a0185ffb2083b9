"""Two network namespaces and a link between them that loses frames.

Run inside a namespace of its own (`unshare -n`). One end of the link is an interface `left` here,
the other an interface `right` in a second namespace; frames go from one to the other through this
process, which loses every so-manieth, counted from the start, so that two runs lose the same.
"""

import fcntl
import os
import struct
import subprocess
import threading

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
    return fd


def run(*command):
    subprocess.run(command, check=True)


class Link:
    """The link, up and running until `close`."""

    def __init__(self, lose_every=0):
        self.lose_every = lose_every
        self.lost = 0
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.inside = ["nsenter", "-t", str(self.keeper.pid), "-n"]
        self.left, self.right = tap("left"), tap("right")
        here = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == here:
            pass
        run("ip", "link", "set", "right", "netns", str(self.keeper.pid))
        for prefix, name, address in (([], "left", "10.9.9.1/24"), (self.inside, "right", "10.9.9.2/24")):
            run(*prefix, "ip", "link", "set", "lo", "up")
            run(*prefix, "ip", "address", "add", address, "dev", name)
            run(*prefix, "ip", "link", "set", name, "up")
            run(*prefix, "ip", "route", "add", "224.0.0.0/4", "dev", name)
        for source, target in ((self.left, self.right), (self.right, self.left)):
            threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source, target):
        carried = 0
        while True:
            try:
                frame = os.read(source, 65536)
            except OSError:
                return
            carried += 1
            # The first ones let both ends find each other.
            if self.lose_every and carried > 50 and carried % self.lose_every == 0:
                self.lost += 1
                continue
            try:
                os.write(target, frame)
            except OSError:
                return

    def close(self):
        """The interfaces go with their descriptors, and the namespace with its process."""
        self.keeper.kill()
        self.keeper.wait()
        subprocess.run(["ip", "link", "delete", "left"], check=True)
