/* SPDX-License-Identifier: MIT */
/*
 * An end with the kernel's own TCP: a network namespace with nothing in it but a TAP, whose
 * descriptor the emulator gets. The TAP offers no offloads, so what comes out of it are frames of
 * the MTU, as from a host of ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/tcp.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "end.h"

#define TAP        "tap0"
#define QUEUE_LEN  10000 /* frames that wait for the emulator: more than it ever leaves */
#define WINDOW_MAX (UINT64_C(48) << 20)

static uint8_t octets[262144];

/* ---- the namespace --------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        end_die(path, errno);
    (void)close(fd); /* was written */
}

/* Buffers grow by themselves, as those of our hosts, and so far. */
static void set_up(const struct end_config *config)
{
    char most[64];

    if (config->window > WINDOW_MAX)
        end_die("the buffers are too small for this cell", ENOBUFS);
    (void)snprintf(most, sizeof(most), "4096 131072 %llu", (unsigned long long)WINDOW_MAX);
    put("/proc/sys/net/ipv4/tcp_rmem", most);
    (void)snprintf(most, sizeof(most), "4096 16384 %llu", (unsigned long long)WINDOW_MAX);
    put("/proc/sys/net/ipv4/tcp_wmem", most);
    put("/proc/sys/net/ipv4/tcp_ecn", config->ecn ? "1" : "0");
    if (access("/proc/sys/net/ipv6/conf/all/disable_ipv6", F_OK) == 0)
        put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
}

static int make_tap(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd;

    if (unshare(CLONE_NEWNET) != 0)
        end_die("a network namespace cannot be made (it needs CAP_SYS_ADMIN)", errno);
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        end_die("/dev/net/tun", errno);
    (void)strcpy(request.ifr_name, TAP);
    if (ioctl(fd, TUNSETIFF, &request) != 0)
        end_die("a TAP cannot be made", errno);
    return fd;
}

static void interface(int sock, unsigned long what, struct ifreq *request)
{
    (void)strcpy(request->ifr_name, TAP);
    if (ioctl(sock, what, request) != 0)
        end_die("the TAP cannot be set up", errno);
}

static struct sockaddr_in name_of(unsigned host, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(0x0a000000u + host)};
}

static void bring_up(uint8_t self)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint8_t mac[6] = {2, 0, 0, 0, 0, self};
    struct sockaddr_in addr = name_of(self, 0), mask = name_of(0, 0);
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

    if (sock < 0)
        end_die("a socket", errno);
    memcpy(request.ifr_hwaddr.sa_data, mac, sizeof(mac));
    interface(sock, SIOCSIFHWADDR, &request);
    request = (struct ifreq){.ifr_qlen = QUEUE_LEN};
    interface(sock, SIOCSIFTXQLEN, &request);
    request = (struct ifreq){.ifr_flags = IFF_UP | IFF_RUNNING};
    interface(sock, SIOCSIFFLAGS, &request);
    memcpy(&request.ifr_addr, &addr, sizeof(addr));
    interface(sock, SIOCSIFADDR, &request);
    mask.sin_addr.s_addr = htonl(0xffffff00u);
    memcpy(&request.ifr_netmask, &mask, sizeof(mask));
    interface(sock, SIOCSIFNETMASK, &request);
    (void)close(sock); /* was only asked */
}

/* ---- the applications ------------------------------------------------------------------------ */

static int new_socket(void)
{
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (sock < 0)
        end_die("a socket", errno);
    return sock;
}

static int listen_at(uint8_t self)
{
    struct sockaddr_in name = name_of(self, END_PORT);
    int sock = new_socket();

    if (bind(sock, (struct sockaddr *)&name, sizeof(name)) != 0 || listen(sock, FLOWS_MAX) != 0)
        end_die("listen", errno);
    return sock;
}

static int connect_to(const struct end_config *config)
{
    struct sockaddr_in name = name_of(config->peer, END_PORT);
    int sock = new_socket();

    if (setsockopt(sock, IPPROTO_TCP, TCP_CONGESTION, config->cc, (socklen_t)strlen(config->cc)) !=
        0)
        end_die(config->cc, errno);
    if (connect(sock, (struct sockaddr *)&name, sizeof(name)) != 0 && errno != EINPROGRESS)
        end_die("connect", errno);
    return sock;
}

struct flows {
    struct pollfd polls[FLOWS_MAX + 1]; /* a listener, if there is one, comes last */
    unsigned n;
    struct end_result result;
};

static void take_in(struct flows *flows, int listener)
{
    int sock;

    while ((sock = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (flows->n == FLOWS_MAX)
            end_die("a connection too many", EMFILE);
        flows->polls[flows->n++] = (struct pollfd){.fd = sock, .events = POLLIN};
    }
}

/* One call a turn, so that flows take turns. */
static void serve(const struct pollfd *poll, struct end_flow *flow)
{
    ssize_t n;

    if ((poll->revents & POLLOUT) != 0)
        (void)send(poll->fd, octets, 65536, MSG_NOSIGNAL); /* what does not fit is sent later */
    if ((poll->revents & POLLIN) != 0) {
        n = recv(poll->fd, octets, sizeof(octets), 0);
        flow->octets += n > 0 ? (uint64_t)n : 0;
    }
}

static void run(struct flows *flows, int listener, ft_time end)
{
    while (end_now() < end) {
        struct timespec wait = end_wait(end);
        unsigned n = flows->n;

        flows->polls[n] = (struct pollfd){.fd = listener, .events = POLLIN};
        if (ppoll(flows->polls, n + 1, &wait, NULL) <= 0)
            continue;
        for (unsigned i = 0; i < n; i++)
            serve(&flows->polls[i], &flows->result.flows[i]);
        if ((flows->polls[n].revents & POLLIN) != 0)
            take_in(flows, listener);
    }
}

static void ask_info(struct flows *flows)
{
    flows->result.n_flows = flows->n;
    for (unsigned i = 0; i < flows->n; i++) {
        struct tcp_info info;
        socklen_t len = sizeof(info);

        memset(&info, 0, sizeof(info));
        if (getsockopt(flows->polls[i].fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
            continue;
        flows->result.flows[i].sent = info.tcpi_bytes_sent;
        flows->result.flows[i].retrans = info.tcpi_bytes_retrans;
    }
}

void end_kernel(const struct end_config *config, int control)
{
    static struct flows flows;
    int tap = make_tap(), listener = -1;
    struct end_span span;

    set_up(config);
    bring_up(config->self);
    if (!config->sends)
        listener = listen_at(config->self);
    span = end_ready(control, tap);
    (void)close(tap); /* the emulator's now */
    run(&flows, listener, span.begin);
    for (unsigned i = 0; config->sends && i < config->n_flows; i++)
        flows.polls[flows.n++] = (struct pollfd){.fd = connect_to(config), .events = POLLOUT};
    run(&flows, listener, span.end);
    ask_info(&flows);
    end_tell(control, &flows.result);
}
