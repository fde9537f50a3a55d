"""A kernel barrier for this process: it may read and compute, and nothing else. By ctypes, Python 3.9 or later.

Landlock (kernel Documentation/userspace-api/landlock.rst) refuses every write, removal, creation and execution in
the file system (but writing to /dev/null), TCP, and signals and abstract sockets to the outside; seccomp (seccomp(2))
refuses connecting, binding, sending to an address, starting processes, signalling others, renaming, locking, changing
metadata, System V objects and every ioctl(2) but a few that read. Both are inherited and cannot be lifted.

Landlock alone leaves unix sockets, UDP, chmod and kill open, so `held` asks for seccomp. seccomp alone cannot read a
path: it then refuses every opening for writing, /dev/null included. tgkill to the own process stays: pthreads need it.
Descriptors that are open already stay usable; close them first.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_SECCOMP, _MODE_FILTER, _TSYNC = (317, 277), 1, 1  # with every thread, Linux 3.17
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_ALLOW, _REFUSE, _UNSUPPORTED = (
    0x7FFF0000,
    0x00050000 | 1,
    0x00050000 | 38,
)  # RET_ALLOW, EPERM, ENOSYS
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NONE = -1

# name: (x86_64, aarch64), from the kernel's syscall tables
_REFUSED = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, _NONE), "vfork": (58, _NONE),
    "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "setpriority": (141, 140), "ioprio_set": (251, 30), "setpgid": (109, 154),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "creat": (85, _NONE), "truncate": (76, 45), "mknod": (133, _NONE), "mknodat": (259, 33),
    "mkdir": (83, _NONE), "mkdirat": (258, 34), "rmdir": (84, _NONE), "unlink": (87, _NONE), "unlinkat": (263, 35),
    "rename": (82, _NONE), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, _NONE), "linkat": (265, 37),
    "symlink": (88, _NONE), "symlinkat": (266, 36), "flock": (73, 32), "open_by_handle_at": (304, 265),
    "chmod": (90, _NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, _NONE), "fchown": (93, 55), "lchown": (94, _NONE), "fchownat": (260, 54),
    "utime": (132, _NONE), "utimes": (235, _NONE), "futimesat": (261, _NONE), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "mount": (165, 40), "umount2": (166, 39), "setns": (308, 268), "unshare": (272, 97), "chroot": (161, 51),
    "pivot_root": (155, 41), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "quotactl": (179, 60), "quotactl_fd": (443, 443), "acct": (163, 89),
    "io_uring_setup": (425, 425), "bpf": (321, 280), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "swapon": (167, 224),
    "swapoff": (168, 225), "syslog": (103, 116), "vhangup": (153, 58), "iopl": (172, _NONE), "ioperm": (173, _NONE),
    "fanotify_init": (300, 262), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    "msgget": (68, 186), "msgctl": (71, 187), "msgrcv": (70, 188), "msgsnd": (69, 189),
    "semget": (64, 190), "semctl": (66, 191), "semtimedop": (220, 192), "semop": (65, 193),
    "shmget": (29, 194), "shmctl": (31, 195), "shmat": (30, 196),
}  # fmt: skip
# their first argument names a process: 0 or the own one
_SELF_ONLY = {
    "tgkill": (234, 131), "prlimit64": (302, 261), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
}  # fmt: skip
# asm-generic/ioctls.h: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2; TIOCSTI types into a terminal
# and FS_IOC_SETFLAGS changes a file through a descriptor that only reads
_HARMLESS_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
# fcntl(2): F_SETOWN, F_SETSIG, F_SETOWN_EX signal others, F_SETLEASE makes them wait, F_SET_RW_HINT marks the file
_HARMFUL_FCNTLS = (8, 10, 15, 1024, 1036)
_IOCTL, _FCNTL = (16, 29), (72, 25)
_CLONE, _CLONE3, _SENDTO, _SOCKET = (56, 220), (435, 435), (44, 206), (41, 198)
_OPEN, _OPENAT, _OPENAT2 = (2, _NONE), (257, 56), (437, 437)


def raise_barrier() -> dict[str, int | bool]:
    """Set both halves. Returns {"landlock": ABI version or 0, "seccomp": bool}."""
    if sys.platform != "linux":
        return {"landlock": 0, "seccomp": False}
    _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock = _landlock()
    return {"landlock": landlock, "seccomp": _seccomp(forbid_opening=landlock == 0)}


def held(barrier: dict[str, int | bool]) -> bool:
    """Return whether nothing outside this process can be changed."""
    return bool(barrier["seccomp"])


def _landlock() -> int:
    version = int(_LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1))
    if version < 1:
        return 0
    rights = 0b1_1111_1111_0011  # execute, write and everything that makes or removes; not reading
    rights |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    rights |= 1 << 15 if version >= 5 else 0  # ioctl on devices
    fields = [rights]
    if version >= 4:
        fields.append(0b11)  # bind and connect TCP
    if version >= 6:
        fields.append(0b11)  # abstract unix sockets and signals to the outside
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _LIBC.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return 0
    null = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
    allowed = rights & (1 << 1 | 1 << 14 | 1 << 15)
    _LIBC.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", allowed, null), 0)
    done = _LIBC.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(null)
    os.close(ruleset)
    return version if done == 0 else 0


def _seccomp(*, forbid_opening: bool) -> bool:
    if os.uname().machine not in _ARCHITECTURES or struct.calcsize("P") != 8:
        return False
    column, architecture = _ARCHITECTURES[os.uname().machine]
    program = _program(column, architecture, forbid_opening=forbid_opening)
    code = ctypes.create_string_buffer(b"".join(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    holder = ctypes.byref(Program(len(program), ctypes.addressof(code)))
    if _LIBC.syscall(_SECCOMP[column], _MODE_FILTER, _TSYNC, holder) == 0:
        return True
    return bool(_LIBC.prctl(_SET_SECCOMP, _FILTER, holder, 0, 0) == 0)


def _program(column: int, architecture: int, *, forbid_opening: bool) -> list[bytes]:
    """Return the filter as classic BPF instructions (struct sock_filter: code, jt, jf, k)."""
    refuse, allow = _return(_REFUSE), _return(_ALLOW)
    lines = [_load(4), _jump(0x15, architecture, 1, 0), _return(0x80000000), _load(0)]
    if column == 0:
        lines += [_jump(0x35, 0x40000000, 0, 1), refuse]  # the x32 numbers
    for numbers in _REFUSED.values():
        lines += _refuse(numbers[column])
    lines += _refuse(_CLONE3[column], _UNSUPPORTED)  # libc then uses clone, whose flags can be read
    lines += _when(_CLONE[column], [_load(16), _jump(0x45, _CLONE_THREAD, 1, 0), refuse, allow])
    to_nobody = [_load(48), _jump(0x15, 0, 0, 2), _load(52), _jump(0x15, 0, 1, 0), refuse, allow]
    lines += _when(_SENDTO[column], to_nobody)
    lines += _when(_SOCKET[column], [*_unless(16, (1, 2, 10), refuse), *_plain_types()])
    lines += _when(_IOCTL[column], [*_unless(24, _HARMLESS_IOCTLS, refuse), allow])
    lines += _when(_FCNTL[column], [*_unless(24, _HARMFUL_FCNTLS, allow), refuse])
    for numbers in _SELF_ONLY.values():
        lines += _when(numbers[column], [*_unless(16, (0, os.getpid()), refuse), allow])
    if forbid_opening:
        lines += _refuse(_OPENAT2[column], _UNSUPPORTED)
        for numbers, offset in ((_OPEN, 24), (_OPENAT, 32)):
            written = [_load(offset), _jump(0x45, _WRITING, 0, 1), refuse, allow]
            lines += _when(numbers[column], written)
    return [*lines, allow]


def _plain_types() -> list[bytes]:
    """Return what refuses a raw socket, through which root can change the packet filter."""
    return [
        _load(24),
        struct.pack("=HBBI", 0x54, 0, 0, 0xF),  # the type, without SOCK_CLOEXEC and SOCK_NONBLOCK
        _jump(0x15, 3, 0, 1),
        _return(_REFUSE),
        _return(_ALLOW),
    ]


def _unless(offset: int, values: tuple[int, ...], otherwise: bytes) -> list[bytes]:
    """Fall through when the argument is one of the values, else return."""
    count = len(values)
    lines = [_jump(0x15, value, count - i, 0) for i, value in enumerate(values)]
    return [_load(offset), *lines, otherwise]


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", 0x20, 0, 0, offset)


def _jump(code: int, value: int, when_true: int, when_false: int) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)


def _return(value: int) -> bytes:
    return struct.pack("=HBBI", 0x06, 0, 0, value)


def _refuse(number: int, value: int = _REFUSE) -> list[bytes]:
    return [] if number == _NONE else [_jump(0x15, number, 0, 1), _return(value)]


def _when(number: int, lines: list[bytes]) -> list[bytes]:
    """Run the lines, which end in a return, only for that syscall."""
    return [] if number == _NONE else [_jump(0x15, number, 0, len(lines)), *lines]
