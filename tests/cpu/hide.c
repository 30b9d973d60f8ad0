/* Shows a program a CPU with fewer instruction sets than this machine has, at full speed.
 *
 * Preloaded (LD_PRELOAD), it lets CPUID fault (arch_prctl(2), ARCH_CPUID), answers it with the features cleared that
 * HIDE_CPU names, and shows a /proc/cpuinfo without them. HIDE_CPU is one of
 *     vnni    no VNNI and no AMX: AVX-512 as Skylake-X has it, or AVX2
 *     avx512  nor AVX-512: AVX2, as Haswell to Zen 3
 *     avx2    nor AVX2 and FMA: AVX, as Sandy Bridge
 *     avx     nor AVX: SSE4.2 and older
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_CPUID 0x1012

static int hidden; /* How many of the four groups. */
static struct sigaction theirs; /* The program's own handler of SIGSEGV. */

static void let_cpuid_fault(int fault) { syscall(SYS_arch_prctl, ARCH_CPUID, !fault); }

/* Bits of Intel's Software Developer's Manual, volume 2A, CPUID. */
static void clear(unsigned leaf, unsigned sub, unsigned r[4]) {
    if (leaf == 7 && sub == 0) {
        r[2] &= ~(1u << 11);                                     /* AVX512_VNNI */
        r[3] &= ~(1u << 22 | 1u << 24 | 1u << 25);               /* AMX: BF16, TILE, INT8 */
        if (hidden > 1) {
            r[1] &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31);
            r[2] &= ~(1u << 1 | 1u << 6 | 1u << 12 | 1u << 14);  /* VBMI, VBMI2, BITALG, VPOPCNTDQ */
            r[3] &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 23);   /* 4VNNIW, 4FMAPS, VP2INTERSECT, FP16 */
        }
        if (hidden > 2) {
            r[1] &= ~(1u << 5);                                  /* AVX2 */
            r[2] &= ~(1u << 9 | 1u << 10);                       /* VAES, VPCLMULQDQ */
        }
    }
    if (leaf == 7 && sub == 1) {
        r[0] &= ~(1u << 4 | 1u << 21);                           /* AVX_VNNI, AMX-FP16 */
        r[3] &= ~(1u << 4 | 1u << 5 | 1u << 8 | 1u << 10 | 1u << 19); /* VNNI-INT8, NE-CONVERT, AMX-COMPLEX, VNNI-INT16, AVX10 */
        if (hidden > 1) r[0] &= ~(1u << 5);                      /* AVX512_BF16 */
        if (hidden > 2) r[0] &= ~(1u << 23);                     /* AVX-IFMA */
    }
    if (leaf == 1) {
        if (hidden > 2) r[2] &= ~(1u << 12 | 1u << 29);          /* FMA, F16C */
        if (hidden > 3) r[2] &= ~(1u << 28);                     /* AVX */
    }
}

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)at[REG_RIP];
    if (info->si_code > 0 && code[0] == 0x0f && code[1] == 0xa2) {
        unsigned leaf = at[REG_RAX], sub = at[REG_RCX], r[4];
        let_cpuid_fault(0);
        __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
        let_cpuid_fault(1);
        clear(leaf, sub, r);
        at[REG_RAX] = r[0], at[REG_RBX] = r[1], at[REG_RCX] = r[2], at[REG_RDX] = r[3];
        at[REG_RIP] += 2;
    } else if (theirs.sa_flags & SA_SIGINFO) {
        theirs.sa_sigaction(number, info, context);
    } else if (theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN) {
        theirs.sa_handler(number);
    } else {
        signal(SIGSEGV, SIG_DFL); /* A real fault: it comes again at once. */
    }
}

/* Whoever else handles SIGSEGV, as Python's faulthandler does, is asked after us. */
int sigaction(int number, const struct sigaction *new, struct sigaction *old) {
    static int (*real)(int, const struct sigaction *, struct sigaction *);
    if (!real) real = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
    if (number != SIGSEGV || !hidden) return real(number, new, old);
    if (old) *old = theirs;
    if (new) theirs = *new;
    return 0;
}

static int shown_cpuinfo(void) {
    static const char *groups[] = {"vnni amx", "avx512", "avx2 avx_ifma fma f16c vaes vpclmul", "avx"};
    FILE *real = fopen("/proc/self/../cpuinfo", "r");
    int made = memfd_create("cpuinfo", MFD_CLOEXEC);
    char *line = NULL;
    size_t size = 0;
    while (real && getline(&line, &size, real) > 0) {
        if (strncmp(line, "flags", 5) == 0) {
            char *rest = strchr(line, ':');
            dprintf(made, "%.*s:", (int)(rest - line), line);
            for (char *word = strtok(rest + 1, " \n"); word; word = strtok(NULL, " \n")) {
                int shown = 1;
                for (int group = 0; group < hidden; group++) {
                    char names[64], *left = NULL;
                    strcpy(names, groups[group]);
                    for (char *name = strtok_r(names, " ", &left); name; name = strtok_r(NULL, " ", &left))
                        shown &= !strstr(word, name);
                }
                if (shown) dprintf(made, " %s", word);
            }
            dprintf(made, "\n");
        } else {
            dprintf(made, "%s", line);
        }
    }
    if (real) fclose(real);
    free(line);
    lseek(made, 0, SEEK_SET);
    return made;
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return hidden && strcmp(path, "/proc/cpuinfo") == 0 ? shown_cpuinfo() : real(path, flags, mode);
}

#define OPEN(name)                                          \
    int name(const char *path, int flags, ...) {            \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        mode_t mode = va_arg(rest, mode_t);                 \
        va_end(rest);                                       \
        return opened(#name, path, flags, mode);            \
    }
OPEN(open)
OPEN(open64)

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("HIDE_CPU");
    static const char *names[] = {"vnni", "avx512", "avx2", "avx"};
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    for (int group = 0; wanted && group < 4; group++)
        if (strcmp(wanted, names[group]) == 0) {
            sigaction(SIGSEGV, &ours, NULL);
            hidden = group + 1;
            let_cpuid_fault(1);
        }
}
