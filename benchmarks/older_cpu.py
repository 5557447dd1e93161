"""Runs a command on an older processor than this: `python benchmarks/older_cpu.py avx2 COMMAND …`.

`avx2` hides AVX-512 and VNNI: what Haswell to Comet Lake and Zen to Zen 3 have; `avx512` hides VNNI
alone: Skylake servers. What is hidden is not slowed down or emulated: libraries choose their
code by what CPUID says, and take the one that they have for such a processor. So the ratio of two
programs is that of an older processor as far as their code is, its clock and caches aside.

Linux on x86-64 has the kernel trap CPUID where the processor can (`arch_prctl`, ARCH_SET_CPUID;
`cpuid_fault` in /proc/cpuinfo). A small library, compiled with cc and loaded into every process of
the command, answers it; /proc/cpuinfo is hidden by a mount that the command alone sees.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# bits of leaf 7 (Intel's manual, volume 2A, CPUID): AVX512F, DQ, IFMA, CD, BW, VL of EBX; VBMI,
# VBMI2, VNNI, BITALG, VPOPCNTDQ of ECX; VP2INTERSECT, AMX, AVX512-FP16 of EDX; of its second part
# AVX-VNNI and AVX512-BF16 of EAX, AVX-VNNI-INT8 and -INT16 of EDX
HIDDEN = {
    "avx512": ((0, 1 << 11, 0x03C00000), (0x30, 0x410)),
    "avx2": ((0xD0230000, 0x5842, 0x03C00100), (0x30, 0x410)),
}
FLAGS = {
    "avx512": r" (avx512_vnni|avx_vnni\w*|amx\w*|avx512_bf16)",
    "avx2": r" (avx512\w*|avx_vnni\w*|amx\w*)",
}

SOURCE = r"""
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static void trap(int on) { syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, !on); }

static void answer(int number, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned char *code = (unsigned char *)r[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) { signal(number, SIG_DFL); return; }
    unsigned leaf = r[REG_RAX], part = r[REG_RCX], a, b, c, d;
    trap(0);
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(part));
    trap(1);
    if (leaf == 7 && part == 0) { b &= ~B0; c &= ~C0; d &= ~D0; }
    if (leaf == 7 && part == 1) { a &= ~A1; d &= ~D1; }
    r[REG_RAX] = a; r[REG_RBX] = b; r[REG_RCX] = c; r[REG_RDX] = d; r[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, 0);
    trap(1);
}
"""


def main(sets: str, command: list[str]) -> int:
    """Run a command that sees only some instruction sets, and return its exit code."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="ascii")
    if not re.search(r"\bcpuid_fault\b", cpuinfo):
        sys.exit("this processor cannot hide what it has: no cpuid_fault in /proc/cpuinfo")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "older.c").write_text(SOURCE, encoding="ascii")
        (folder / "cpuinfo").write_text(re.sub(FLAGS[sets], "", cpuinfo), encoding="ascii")
        (b, c, d), (a1, d1) = HIDDEN[sets]
        masks = [f"-DB0={b}u", f"-DC0={c}u", f"-DD0={d}u", f"-DA1={a1}u", f"-DD1={d1}u"]
        cc = ["cc", "-O1", "-shared", "-fPIC", *masks, "older.c", "-o", "older.so"]
        subprocess.run(cc, cwd=folder, check=True)
        # what was measured on this processor is not to be remembered on that one, nor the other way
        changed = {"LD_PRELOAD": str(folder / "older.so"), "XDG_CACHE_HOME": str(folder)}
        alone = 'mount --bind "$0/cpuinfo" /proc/cpuinfo && exec "$@"'
        inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", alone, name, *command]
        return subprocess.run(inside, env=os.environ | changed, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in HIDDEN:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
