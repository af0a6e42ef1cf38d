/* SPDX-License-Identifier: MIT */
/*
 * The shared object as packetdrill uses it: loaded at run time and driven through the function
 * pointers of its interface, with a script's socket calls, packets and time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/addr.h"
#include "packetdrill/drill.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

#define US   0xc0a80001u /* 192.168.0.1 */
#define THEM 0xc0000201u /* 192.0.2.1 */

static void *object;
static struct packetdrill_interface face;
static struct ft_tcp_seg got; /* the last segment of the stack */
static long long got_at;      /* when it left, in microseconds */

static int load(void **state)
{
    void (*init)(const char *, struct packetdrill_interface *);
    char path[PATH_MAX], self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)state;
    assert_true(n > 0);
    self[n] = '\0';
    (void)snprintf(path, sizeof(path), "%.4000s/../libfourtuple-packetdrill.so", dirname(self));
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        fail_msg("%s", dlerror());
    *(void **)&init = dlsym(object, "packetdrill_interface_init");
    assert_non_null(init);
    init("mtu=1500", &face);
    for (void **p = (void **)&face; p < (void **)(&face + 1); p++)
        assert_non_null(*p); /* nothing is left out */
    return 0;
}

static int unload(void **state)
{
    (void)state;
    face.free(face.userdata);
    dlclose(object);
    return 0;
}

static long long now(void)
{
    struct timeval tv;

    assert_int_equal(face.gettimeofday(face.userdata, &tv, NULL), 0);
    return (long long)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* A segment of the script, from port 4000 to 8080. */
static void inject(unsigned flags, uint32_t seq, uint32_t ack, size_t len)
{
    struct ft_addr src = addr_v4(THEM), dst = addr_v4(US);
    struct ft_tcp_seg seg = {.src_port = 4000,
                             .dst_port = 8080,
                             .seq = seq_make(seq),
                             .ack = seq_make(ack),
                             .flags = (uint8_t)flags,
                             .wnd = 32768};
    struct ip4_hdr ip = {.src = src, .dst = dst, .ttl = 64, .proto = IPPROTO_TCP};
    uint8_t packet[2000] = {0};
    size_t hdr;

    if (flags & SEG_SYN) {
        seg.has_mss = true;
        seg.mss = 1000;
    }
    hdr = tcp_emit(packet + IP4_HDR_LEN, sizeof(packet) - IP4_HDR_LEN, &seg);
    memset(packet + IP4_HDR_LEN + hdr, 'x', len);
    ip.total_len = (uint16_t)(IP4_HDR_LEN + hdr + len);
    (void)ip4_emit(packet, IP4_HDR_LEN, &ip);
    be16_store(packet + IP4_HDR_LEN + TCP_CSUM_AT,
               csum_l4(&src, &dst, IPPROTO_TCP, packet + IP4_HDR_LEN, hdr + len));
    assert_int_equal(face.netdev_send(face.userdata, packet, ip.total_len), 0);
}

/* The stack must send this next; time passes until it does. Return: the payload's octets. */
static size_t expect(unsigned flags)
{
    static uint8_t packet[65536];
    size_t len = sizeof(packet), hdr;

    assert_int_equal(face.netdev_receive(face.userdata, packet, &len, &got_at), 0);
    assert_true(len >= IP4_HDR_LEN + TCP_HDR_LEN);
    hdr = (size_t)(packet[IP4_HDR_LEN + 12] >> 4) * 4;
    got = (struct ft_tcp_seg){
        .seq = seq_make(be32_load(packet + IP4_HDR_LEN + 4)),
        .ack = seq_make(be32_load(packet + IP4_HDR_LEN + 8)),
        .flags = packet[IP4_HDR_LEN + 13],
    };
    assert_int_equal(got.flags & (SEG_SYN | SEG_ACK | SEG_FIN | SEG_RST), flags);
    return len - IP4_HDR_LEN - hdr;
}

static int passive(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int fd = face.socket(face.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);

    name.sin_addr.s_addr = htonl(US);
    assert_true(fd >= 0);
    assert_int_equal(face.bind(face.userdata, fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(face.listen(face.userdata, fd, 1), 0);
    return fd;
}

static int shake_hands(int listener)
{
    int fd;

    inject(SEG_SYN, 0, 0, 0);
    (void)expect(SEG_SYN | SEG_ACK);
    assert_int_equal(got.ack.v, 1);
    inject(SEG_ACK, 1, got.seq.v + 1, 0);
    fd = face.accept(face.userdata, listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void octets_go_both_ways_in_virtual_time(void **state)
{
    int listener = passive(), fd = shake_hands(listener), queued = -1;
    uint32_t iss = got.seq.v;
    long long sent_at;
    char buf[100];

    (void)state;
    assert_int_equal(face.write(face.userdata, fd, "hello", 5), 5);
    assert_int_equal(face.ioctl(face.userdata, fd, SIOCOUTQ, &queued), 0);
    assert_int_equal(queued, 5);
    assert_int_equal(expect(SEG_ACK), 5);
    sent_at = got_at;
    /* Nobody acknowledges it: it comes again when its timer says, and no real time has passed. */
    assert_int_equal(expect(SEG_ACK), 5);
    assert_in_range(got_at - sent_at, 190000, 1100000);
    assert_int_equal(got.seq.v, iss + 1);
    inject(SEG_ACK, 1, iss + 6, 50);
    assert_int_equal(face.read(face.userdata, fd, buf, sizeof(buf)), 50);
    assert_int_equal(face.fcntl(face.userdata, fd, F_SETFL, (long)O_NONBLOCK), 0);
    assert_int_equal(face.read(face.userdata, fd, buf, sizeof(buf)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(face.close(face.userdata, fd), 0);
    (void)expect(SEG_ACK); /* of the 50 */
    (void)expect(SEG_ACK | SEG_FIN);
    assert_int_equal(face.close(face.userdata, listener), 0);
}

static void sleeping_costs_no_time_and_asking_always_some(void **state)
{
    long long before = now(), after;

    (void)state;
    assert_true(now() > before);
    assert_int_equal(face.usleep(face.userdata, 3600u * 1000000u), 0);
    after = now();
    assert_in_range(after - before, 3600000000LL, 3600000100LL);
}

struct blocked {
    int listener, fd;
    long long at;
};

static void *accept_in_a_thread(void *arg)
{
    struct blocked *blocked = arg;

    blocked->fd = face.accept(face.userdata, blocked->listener, NULL, NULL);
    blocked->at = now();
    return NULL;
}

/* A call that blocks ends at the instant at which what it waits for comes, whatever the two threads
   do in between. */
static void a_blocked_call_ends_at_the_instant_of_its_event(void **state)
{
    struct blocked blocked = {.listener = passive(), .fd = -1};
    long long came_at;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, accept_in_a_thread, &blocked), 0);
    inject(SEG_SYN, 0, 0, 0);
    (void)expect(SEG_SYN | SEG_ACK);
    assert_int_equal(face.usleep(face.userdata, 100000), 0);
    inject(SEG_ACK, 1, got.seq.v + 1, 0);
    came_at = now();
    assert_int_equal(face.usleep(face.userdata, 100000), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(blocked.fd >= 0);
    /* The thread may have come too late to sleep: then it finds the connection there. */
    assert_true(blocked.at >= came_at - 10);
    assert_int_equal(face.close(face.userdata, blocked.fd), 0);
    assert_int_equal(face.close(face.userdata, blocked.listener), 0);
}

static void poll_and_epoll_tell_what_is_ready(void **state)
{
    int listener = passive(), fd = shake_hands(listener);
    int epfd = face.epoll_create(face.userdata, 1);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd}, told;
    long long before = now();

    (void)state;
    assert_int_equal(face.poll(face.userdata, &poll_fd, 1, 0), 1);
    assert_int_equal(poll_fd.revents, POLLOUT);
    assert_true(epfd >= 0);
    assert_int_equal(face.epoll_ctl(face.userdata, epfd, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(face.epoll_ctl(face.userdata, epfd, EPOLL_CTL_ADD, fd, &event), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(face.epoll_wait(face.userdata, epfd, &told, 1, 500), 0);
    assert_in_range(now() - before, 500000, 500100);
    inject(SEG_ACK, 1, got.seq.v + 1, 10);
    assert_int_equal(face.epoll_wait(face.userdata, epfd, &told, 1, 500), 1);
    assert_int_equal(told.data.fd, fd);
    assert_int_equal(face.epoll_wait(face.userdata, epfd, &told, 1, 0), 0); /* an edge, once */
    assert_int_equal(face.close(face.userdata, epfd), 0);
    assert_int_equal(face.close(face.userdata, fd), 0);
    assert_int_equal(face.close(face.userdata, listener), 0);
}

static void what_is_no_descriptor_of_ours_is_refused(void **state)
{
    char octet;

    (void)state;
    assert_int_equal(face.read(face.userdata, 900, &octet, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(face.listen(face.userdata, -5, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(face.epoll_create(face.userdata, 0), -1);
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(octets_go_both_ways_in_virtual_time, load, unload),
        cmocka_unit_test_setup_teardown(sleeping_costs_no_time_and_asking_always_some, load,
                                        unload),
        cmocka_unit_test_setup_teardown(a_blocked_call_ends_at_the_instant_of_its_event, load,
                                        unload),
        cmocka_unit_test_setup_teardown(poll_and_epoll_tell_what_is_ready, load, unload),
        cmocka_unit_test_setup_teardown(what_is_no_descriptor_of_ours_is_refused, load, unload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
