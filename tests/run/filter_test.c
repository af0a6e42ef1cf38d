/* SPDX-License-Identifier: MIT */
/*
 * The filter, run by an interpreter of its own: which system calls stop, which do not exist, and
 * which never come near us.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/filter.h"

#define INS_MAX 256

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t value;

    assert_true(offset + 4 <= sizeof(*data) && offset % 4 == 0);
    memcpy(&value, (const uint8_t *)data + offset, 4);
    return value;
}

/* What the kernel would do with a call. */
static uint32_t judge(const struct seccomp_data *data)
{
    struct sock_filter ins[INS_MAX];
    size_t n = filter_build(ins, INS_MAX);
    uint32_t a = 0;

    assert_in_range(n, 1, INS_MAX);
    for (size_t at = 0; at < n; at++) {
        const struct sock_filter *i = &ins[at];
        bool jump;

        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(data, i->k);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jump = a == i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jump = a >= i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump = (a & i->k) != 0;
            break;
        default:
            fail_msg("instruction %zu is none that the filter may use", at);
            return 0;
        }
        at += jump ? i->jt : i->jf;
    }
    fail_msg("the filter runs off its end");
    return 0;
}

static uint32_t call(int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a4)
{
    struct seccomp_data data = {.nr = nr, .arch = ARCH, .args = {a0, a1, a2, 0, a4, 0}};

    return judge(&data);
}

static void assert_stops(uint32_t verdict)
{
    assert_int_equal(verdict, SECCOMP_RET_USER_NOTIF);
}

static void assert_passes(uint32_t verdict)
{
    assert_int_equal(verdict, SECCOMP_RET_ALLOW);
}

static void only_internet_sockets_stop(void **state)
{
    (void)state;
    assert_stops(call(__NR_socket, AF_INET, SOCK_STREAM, 0, 0));
    assert_stops(call(__NR_socket, AF_INET6, SOCK_DGRAM, 0, 0));
    assert_passes(call(__NR_socket, AF_UNIX, SOCK_STREAM, 0, 0));
    assert_passes(call(__NR_socket, AF_NETLINK, SOCK_RAW, 0, 0));
    /* The kernel looks at the low half of an int only, and so must we. */
    assert_stops(call(__NR_socket, UINT64_C(0x100000000) | AF_INET, SOCK_STREAM, 0, 0));
}

/* Nothing of the program reaches the kernel's network: unknown families are among the denied. */
static void families_that_reach_past_the_stack_do_not_exist(void **state)
{
    static const int calls[] = {__NR_socket, __NR_socketpair};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (int family = 0; family < 100; family++) {
            uint32_t verdict = call(calls[i], (uint64_t)family, SOCK_DGRAM, 0, 0);

            if (family == AF_UNIX || family == AF_NETLINK)
                assert_passes(verdict);
            else if (family == AF_INET || family == AF_INET6)
                assert_int_not_equal(verdict, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
            else
                assert_int_equal(verdict, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
        }
    }
}

static void calls_that_name_sockets_stop(void **state)
{
    static const int names[] = {__NR_bind,    __NR_listen,      __NR_connect,     __NR_accept,
                                __NR_accept4, __NR_getsockname, __NR_getpeername, __NR_sendmsg,
                                __NR_recvmsg, __NR_sendmmsg,    __NR_recvmmsg,    __NR_shutdown};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_stops(call(names[i], 3, 0, 0, 0));
}

static void calls_that_move_octets_or_wait_do_not_stop(void **state)
{
    static const int names[] = {__NR_read,      __NR_write, __NR_readv, __NR_writev, __NR_sendfile,
                                __NR_splice,    __NR_close, __NR_dup,   __NR_clone,  __NR_execve,
                                __NR_epoll_ctl, __NR_ppoll, __NR_futex, __NR_fcntl};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_passes(call(names[i], 3, AF_INET, 1, 1));
}

static void sendto_and_recvfrom_stop_only_with_an_address(void **state)
{
    static const int names[] = {__NR_sendto, __NR_recvfrom};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_passes(call(names[i], 3, 1, 1, 0));
        assert_stops(call(names[i], 3, 1, 1, 0x1000));
        assert_stops(call(names[i], 3, 1, 1, UINT64_C(0x7f0000000000)));
    }
}

/* The kernel's own channel would lose the octet's place in the stream. */
static void urgent_octets_stop(void **state)
{
    static const int names[] = {__NR_sendto, __NR_recvfrom};
    struct seccomp_data data = {.arch = ARCH, .args = {3, 1, 1, MSG_OOB | MSG_DONTWAIT}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        data.nr = names[i];
        assert_stops(judge(&data));
        data.args[3] = MSG_DONTWAIT;
        assert_passes(judge(&data));
        data.args[3] = MSG_OOB;
    }
}

/* The carrier would give data. */
static void a_look_into_the_error_queue_stops(void **state)
{
    struct seccomp_data data = {.nr = __NR_recvfrom, .arch = ARCH, .args = {3, 1, 1, MSG_ERRQUEUE}};

    (void)state;
    assert_stops(judge(&data));
}

/* The carrier does not put datagrams together. */
static void a_send_that_says_more_comes_stops(void **state)
{
    struct seccomp_data data = {
        .nr = __NR_sendto, .arch = ARCH, .args = {3, 1, 1, MSG_MORE | MSG_NOSIGNAL}};

    (void)state;
    assert_stops(judge(&data));
    data.nr = __NR_recvfrom;
    assert_passes(judge(&data));
}

static void options_that_the_carrier_serves_do_not_stop(void **state)
{
    (void)state;
    assert_passes(call(__NR_setsockopt, 3, SOL_SOCKET, SO_RCVTIMEO, 0));
    assert_passes(call(__NR_setsockopt, 3, SOL_SOCKET, SO_SNDTIMEO, 0));
    assert_passes(call(__NR_getsockopt, 3, SOL_SOCKET, SO_RCVLOWAT, 0));
    assert_stops(call(__NR_getsockopt, 3, SOL_SOCKET, SO_ERROR, 0));
    assert_stops(call(__NR_setsockopt, 3, SOL_SOCKET, SO_SNDBUF, 0));
    assert_stops(call(__NR_setsockopt, 3, IPPROTO_TCP, SO_RCVTIMEO, 0));
}

static void socket_ioctls_stop_and_others_do_not(void **state)
{
    (void)state;
    assert_stops(call(__NR_ioctl, 3, 0x8912, 0, 0));  /* SIOCGIFCONF */
    assert_stops(call(__NR_ioctl, 3, 0x5411, 0, 0));  /* SIOCOUTQ */
    assert_passes(call(__NR_ioctl, 3, 0x541b, 0, 0)); /* FIONREAD */
    assert_passes(call(__NR_ioctl, 3, 0x5401, 0, 0)); /* TCGETS */
}

static void io_uring_and_other_numberings_do_not_exist(void **state)
{
    struct seccomp_data data = {.nr = __NR_socket, .arch = AUDIT_ARCH_I386};

    (void)state;
    assert_int_equal(call(__NR_io_uring_setup, 1, 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
    assert_int_equal(judge(&data), SECCOMP_RET_ERRNO | ENOSYS);
#if defined(__x86_64__)
    assert_int_equal(call(0x40000000 | __NR_socket, AF_INET, 1, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_internet_sockets_stop),
        cmocka_unit_test(families_that_reach_past_the_stack_do_not_exist),
        cmocka_unit_test(calls_that_name_sockets_stop),
        cmocka_unit_test(calls_that_move_octets_or_wait_do_not_stop),
        cmocka_unit_test(sendto_and_recvfrom_stop_only_with_an_address),
        cmocka_unit_test(urgent_octets_stop),
        cmocka_unit_test(a_look_into_the_error_queue_stops),
        cmocka_unit_test(a_send_that_says_more_comes_stops),
        cmocka_unit_test(options_that_the_carrier_serves_do_not_stop),
        cmocka_unit_test(socket_ioctls_stop_and_others_do_not),
        cmocka_unit_test(io_uring_and_other_numberings_do_not_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
