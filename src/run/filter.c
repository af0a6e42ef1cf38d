/* SPDX-License-Identifier: MIT */
/*
 * Which calls stop: those that name sockets. Those that move octets or wait are left to the kernel;
 * the kernel knows by its bitmap that they are always allowed, so they cost nothing. sendmsg and
 * its kind may carry an address that a filter cannot see; they are rare on streams, and datagrams
 * are wrong without it, so they stop too.
 *
 * Of address families only those exist that the stack speaks or that stay within the run.
 * Calls of other machines' numbering (int 0x80, x32) do not exist here: they would get past us.
 */
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#define FILTER_X32  0x40000000u
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#error "fourtuple run knows x86-64 and aarch64"
#endif

#define FILTER_MAX 160

struct program {
    struct sock_filter ins[FILTER_MAX];
    unsigned n;
};

static void emit(struct program *prog, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (prog->n < FILTER_MAX)
        prog->ins[prog->n] = (struct sock_filter){code, jt, jf, k};
    prog->n++;
}

static void emit_ret(struct program *prog, uint32_t action)
{
    emit(prog, BPF_RET | BPF_K, 0, 0, action);
}

static void load_nr(struct program *prog)
{
    emit(prog, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
}

/* The low half of an argument; all that the kernel looks at of an int. */
static void load_arg(struct program *prog, unsigned i)
{
    emit(prog, BPF_LD | BPF_W | BPF_ABS, 0, 0,
         (uint32_t)(offsetof(struct seccomp_data, args) + 8 * i));
}

/* If the accumulator is @k, answer @action. */
static void ret_if(struct program *prog, uint32_t k, uint32_t action)
{
    emit(prog, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
    emit_ret(prog, action);
}

/* Skip the block that follows unless the call is @nr. Return: where, for block_end(). */
static unsigned block_begin(struct program *prog, uint32_t nr)
{
    emit(prog, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, nr);
    return prog->n;
}

static void block_end(struct program *prog, unsigned begin)
{
    if (begin <= FILTER_MAX)
        prog->ins[begin - 1].jf = (uint8_t)(prog->n - begin);
}

/* socket() and socketpair(): the families that the stack speaks, those that stay within the run
   (AF_NETLINK shows the run's own interfaces), and no other: AF_VSOCK, AF_RDS, AF_TIPC and more
   reach hosts past the stack, whatever the network namespace. */
static void emit_socket(struct program *prog, uint32_t nr, uint32_t internet)
{
    unsigned block = block_begin(prog, nr);

    load_arg(prog, 0);
    ret_if(prog, AF_INET, internet);
    ret_if(prog, AF_INET6, internet);
    ret_if(prog, AF_UNIX, SECCOMP_RET_ALLOW);
    ret_if(prog, AF_NETLINK, SECCOMP_RET_ALLOW);
    emit_ret(prog, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    block_end(prog, block);
}

/* sendto() and recvfrom(): only with an address, or with flags that the carrier does not know. */
static void emit_with_address(struct program *prog, uint32_t nr, uint32_t flags)
{
    unsigned block = block_begin(prog, nr);

    load_arg(prog, 3);
    emit(prog, BPF_JMP | BPF_JSET | BPF_K, 0, 1, flags);
    emit_ret(prog, SECCOMP_RET_USER_NOTIF);
    load_arg(prog, 4);
    emit(prog, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
    emit_ret(prog, SECCOMP_RET_USER_NOTIF);
    emit(prog, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args) + 8 * 4 + 4);
    ret_if(prog, 0, SECCOMP_RET_ALLOW);
    emit_ret(prog, SECCOMP_RET_USER_NOTIF);
    block_end(prog, block);
}

/* Options: not those that the AF_UNIX carrier itself serves as TCP would. */
static void emit_options(struct program *prog, uint32_t nr)
{
    static const uint32_t native[] = {
        SO_RCVTIMEO, SO_SNDTIMEO, 66 /* SO_RCVTIMEO_NEW */, 67 /* SO_SNDTIMEO_NEW */, SO_RCVLOWAT,
    };
    unsigned block = block_begin(prog, nr);

    load_arg(prog, 1);
    emit(prog, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SOL_SOCKET);
    emit_ret(prog, SECCOMP_RET_USER_NOTIF);
    load_arg(prog, 2);
    for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
        ret_if(prog, native[i], SECCOMP_RET_ALLOW);
    emit_ret(prog, SECCOMP_RET_USER_NOTIF);
    block_end(prog, block);
}

/* ioctl(): the socket ones, 0x89xx, and how much is queued (SIOCOUTQ). */
static void emit_ioctl(struct program *prog)
{
    unsigned block = block_begin(prog, __NR_ioctl);

    load_arg(prog, 1);
    ret_if(prog, 0x5411 /* SIOCOUTQ */, SECCOMP_RET_USER_NOTIF);
    emit(prog, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xffffff00u);
    ret_if(prog, 0x8900, SECCOMP_RET_USER_NOTIF);
    emit_ret(prog, SECCOMP_RET_ALLOW);
    block_end(prog, block);
}

static void emit_filter(struct program *prog)
{
    static const uint32_t always[] = {
        __NR_connect,  __NR_accept4,     __NR_accept,      __NR_bind,
        __NR_listen,   __NR_getsockname, __NR_getpeername, __NR_sendmsg,
        __NR_sendmmsg, __NR_recvmsg,     __NR_recvmmsg,    __NR_shutdown,
    };

    emit(prog, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    emit(prog, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, FILTER_ARCH);
    emit_ret(prog, SECCOMP_RET_ERRNO | ENOSYS);
    load_nr(prog);
#ifdef FILTER_X32
    emit(prog, BPF_JMP | BPF_JGE | BPF_K, 0, 1, FILTER_X32);
    emit_ret(prog, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    emit_with_address(prog, __NR_sendto, MSG_OOB | MSG_MORE | MSG_EOR);
    emit_with_address(prog, __NR_recvfrom, MSG_OOB | MSG_ERRQUEUE);
    emit_ioctl(prog);
    emit_socket(prog, __NR_socket, SECCOMP_RET_USER_NOTIF);
    emit_socket(prog, __NR_socketpair, SECCOMP_RET_ALLOW); /* EOPNOTSUPP */
    emit_options(prog, __NR_getsockopt);
    emit_options(prog, __NR_setsockopt);
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        ret_if(prog, always[i], SECCOMP_RET_USER_NOTIF);
    ret_if(prog, __NR_io_uring_setup, SECCOMP_RET_ERRNO | ENOSYS);
    emit_ret(prog, SECCOMP_RET_ALLOW);
}

size_t filter_build(struct sock_filter *ret_ins, size_t n)
{
    struct program prog = {.n = 0};

    emit_filter(&prog);
    if (prog.n <= n && prog.n <= FILTER_MAX)
        memcpy(ret_ins, prog.ins, prog.n * sizeof(prog.ins[0]));
    return prog.n;
}

int filter_install(void)
{
    struct sock_filter ins[FILTER_MAX];
    struct sock_fprog fprog;
    size_t n = filter_build(ins, FILTER_MAX);
    long fd;

    if (n > FILTER_MAX)
        return -E2BIG;
    fprog.len = (unsigned short)n;
    fprog.filter = ins;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &fprog);
    return fd < 0 ? -errno : (int)fd;
}
