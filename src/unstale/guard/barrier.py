"""A kernel barrier for this process: it may read and compute, and nothing else. By ctypes, Python 3.9 or later.

Landlock (kernel Documentation/userspace-api/landlock.rst) refuses every write, removal, creation and execution in
the file system (but writing to /dev/null) and TCP; seccomp (seccomp(2)) refuses connecting, binding, sending to an
address, starting processes, signalling, renaming, and changing metadata. Both are inherited and cannot be lifted.
"""

import ctypes
import os
import platform
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
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
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_writev": (311, 271),
    "creat": (85, _NONE), "truncate": (76, 45), "mknod": (133, _NONE), "mknodat": (259, 33),
    "mkdir": (83, _NONE), "mkdirat": (258, 34), "rmdir": (84, _NONE), "unlink": (87, _NONE), "unlinkat": (263, 35),
    "rename": (82, _NONE), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, _NONE), "linkat": (265, 37),
    "symlink": (88, _NONE), "symlinkat": (266, 36),
    "chmod": (90, _NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, _NONE), "fchown": (93, 55), "lchown": (94, _NONE), "fchownat": (260, 54),
    "utime": (132, _NONE), "utimes": (235, _NONE), "futimesat": (261, _NONE), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "mount": (165, 40), "umount2": (166, 39), "setns": (308, 268), "unshare": (272, 97), "chroot": (161, 51),
    "pivot_root": (155, 41), "io_uring_setup": (425, 425), "bpf": (321, 280), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "sethostname": (170, 161), "swapon": (167, 224), "swapoff": (168, 225),
    "add_key": (248, 217), "keyctl": (250, 219), "mq_open": (240, 180), "mq_unlink": (241, 181), "msgsnd": (69, 189),
    "shmat": (30, 196),
}  # fmt: skip
_CLONE, _CLONE3, _SENDTO, _SOCKET = (56, 220), (435, 435), (44, 206), (41, 198)
_OPEN, _OPENAT, _OPENAT2 = (2, _NONE), (257, 56), (437, 437)


def raise_barrier():
    """Set both halves. Returns {"landlock": ABI version or 0, "seccomp": bool}; at least one must hold."""
    _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock = _landlock()
    return {"landlock": landlock, "seccomp": _seccomp(forbid_opening=landlock == 0)}


def _landlock():
    version = _LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return 0
    rights = 0b1_1111_1111_0011  # execute, write and everything that makes or removes; not reading
    rights |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    fields = [rights]
    if version >= 4:
        fields.append(0b11)  # bind and connect TCP
    if version >= 6:
        fields.append(0b11)  # abstract unix sockets and signals to the outside
    attributes = struct.pack("=%dQ" % len(fields), *fields)
    ruleset = _LIBC.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return 0
    null = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
    allowed = (1 << 1) | (1 << 14 if version >= 3 else 0)
    _LIBC.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", allowed, null), 0)
    done = _LIBC.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(null)
    os.close(ruleset)
    return version if done == 0 else 0


def _seccomp(forbid_opening):
    if platform.machine() not in _ARCHITECTURES:
        return False
    program = _program(forbid_opening)
    code = ctypes.create_string_buffer(b"".join(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    holder = Program(len(program), ctypes.addressof(code))
    return _LIBC.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(holder), 0, 0) == 0


def _program(forbid_opening):
    """Return the filter as classic BPF instructions (struct sock_filter: code, jt, jf, k)."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    lines = [_load(4), _jump(0x15, architecture, 1, 0), _return(0x80000000), _load(0)]
    if column == 0:
        lines += [_jump(0x35, 0x40000000, 0, 1), _return(_REFUSE)]  # the x32 numbers
    for numbers in _REFUSED.values():
        lines += _refuse(numbers[column])
    lines += _refuse(_CLONE3[column], _UNSUPPORTED)  # libc then uses clone, whose flags can be read
    lines += _when(
        _CLONE[column],
        [_load(16), _jump(0x45, _CLONE_THREAD, 1, 0), _return(_REFUSE), _return(_ALLOW)],
    )
    to_nobody = [
        _load(48),
        _jump(0x15, 0, 0, 2),
        _load(52),
        _jump(0x15, 0, 1, 0),
        _return(_REFUSE),
        _return(_ALLOW),
    ]
    lines += _when(_SENDTO[column], to_nobody)
    families = [
        _load(16),
        _jump(0x15, 1, 3, 0),
        _jump(0x15, 2, 2, 0),
        _jump(0x15, 10, 1, 0),
        _return(_REFUSE),
        _return(_ALLOW),
    ]
    lines += _when(_SOCKET[column], families)
    if forbid_opening:
        lines += _refuse(_OPENAT2[column], _UNSUPPORTED)
        for numbers, offset in ((_OPEN, 24), (_OPENAT, 32)):
            lines += _when(
                numbers[column],
                [_load(offset), _jump(0x45, _WRITING, 0, 1), _return(_REFUSE), _return(_ALLOW)],
            )
    return [*lines, _return(_ALLOW)]


def _load(offset):
    return struct.pack("=HBBI", 0x20, 0, 0, offset)


def _jump(code, value, when_true, when_false):
    return struct.pack("=HBBI", code, when_true, when_false, value)


def _return(value):
    return struct.pack("=HBBI", 0x06, 0, 0, value)


def _refuse(number, value=_REFUSE):
    return [] if number == _NONE else [_jump(0x15, number, 0, 1), _return(value)]


def _when(number, lines):
    """Run the lines, which end in a return, only for that syscall."""
    return [] if number == _NONE else [_jump(0x15, number, 0, len(lines)), *lines]
