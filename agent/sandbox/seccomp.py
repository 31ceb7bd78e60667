"""Build the filter that refuses kernel calls which an escape needs and test suites do not.

It is the program for bubblewrap's `--seccomp`. Refused calls fail with an error number, so that
programs which only try them continue. Processors that are not in the table have no filter, which
`doctor` reports.
"""

import errno
import platform
import socket
import struct

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
# Offsets in the record that the kernel passes to the filter.
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}."""
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_TYPING = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: write characters to the input of a terminal."""

# Numbers for x86_64 and aarch64; None: the call does not exist there.
_REFUSED: dict[str, tuple[int | None, int]] = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "move_pages": (279, 239), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "request_key": (249, 218), "setns": (308, 268), "swapoff": (168, 225), "swapon": (167, 224),
    "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}  # fmt: skip
#: Calls by which one process changes another: numbers, and the first arguments that limit the call
#: to the caller itself.
_OTHERS = (
    ("prlimit64", (302, 261), (0,)),
    ("sched_setaffinity", (203, 122), (0,)),
    ("sched_setattr", (314, 274), (0,)),
    ("sched_setparam", (142, 118), (0,)),
    ("sched_setscheduler", (144, 119), (0,)),
    # Other first arguments mean a whole group or user.
    ("setpriority", (141, 140), (0, 0)),
    ("ioprio_set", (251, 30), (1, 0)),
)
_CLONE, _CLONE3, _SOCKET, _IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


def build_filter(*, lasting: bool = False) -> bytes | None:
    """Build the filter for this processor; None: the processor is not known.

    Args:
        lasting: For a session, whose runner outlives its commands: to not starve the runner, they
            may set limits and priorities only of themselves.
    """
    if (row := _ARCHITECTURES.get(platform.machine())) is None:
        return None
    architecture, column = row
    steps = [
        # Another calling convention (32-bit programs) would slip past the numbers below.
        _load_field(_ARCHITECTURE),
        *_jump_unless(_EQUAL, architecture, errno.ENOSYS),
        _load_field(_NUMBER),
        *_jump_if(_AT_LEAST, _X32, errno.ENOSYS),
    ]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            steps += _jump_if(_EQUAL, number, errno.EPERM)
    # The C library falls back to clone, whose flags the filter can read.
    steps += _jump_if(_EQUAL, _CLONE3[column], errno.ENOSYS)
    steps += _filter_call(
        _CLONE[column], [_load_field(_FIRST), *_jump_if(_ANY_BIT, _NEW_NAMESPACES, errno.EPERM)]
    )
    steps += _filter_call(_IOCTL[column], [_load_field(_SECOND), *_any_of(_TYPING, errno.EPERM)])
    steps += _filter_call(
        _SOCKET[column], [_load_field(_FIRST), *_none_of(_FAMILIES, errno.EAFNOSUPPORT)]
    )
    if lasting:
        for _, numbers, allowed in _OTHERS:
            tests: list[bytes] = []
            for place, value in zip((_FIRST, _SECOND), allowed, strict=False):
                tests += [_load_field(place), *_jump_unless(_EQUAL, value, errno.EPERM)]
            steps += _filter_call(numbers[column], tests)
    return b"".join([*steps, _return_action(_ALLOW)])


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _load_field(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _return_action(action: int) -> bytes:
    return _step(_RETURN, action)


def _jump_if(test: int, value: int, error: int) -> list[bytes]:
    return [_step(test, value, 0, 1), _return_action(_REFUSE | error)]


def _jump_unless(test: int, value: int, error: int) -> list[bytes]:
    return [_step(test, value, 1, 0), _return_action(_REFUSE | error)]


def _any_of(values: tuple[int, ...], error: int) -> list[bytes]:
    return [step for value in values for step in _jump_if(_EQUAL, value, error)]


def _none_of(values: tuple[int, ...], error: int) -> list[bytes]:
    tests = [
        _step(_EQUAL, value, len(values) - position, 0) for position, value in enumerate(values)
    ]
    return [*tests, _return_action(_REFUSE | error)]


def _filter_call(number: int, steps: list[bytes]) -> list[bytes]:
    """Apply steps to the arguments of one call; it is allowed if no step refuses it."""
    inner = [*steps, _return_action(_ALLOW)]
    return [_step(_EQUAL, number, 0, len(inner)), *inner]
