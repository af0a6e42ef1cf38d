/* SPDX-License-Identifier: MIT */
/*
 * The stack that a script plays against: one interface of bare IP packets, addresses as the script
 * uses them, and what the sysctls of the network namespace say, since scripts set up Linux by them.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fourtuple/malloc.h>
#include <fourtuple/tune.h>

#include "drill.h"

#define MTU_DEFAULT 1500

/* Read the numbers of a sysctl. Return: how many. */
static int sysctl(const char *name, long *ret, int n)
{
    char path[128];
    int done = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (done < n && fscanf(file, "%ld", &ret[done]) == 1)
        done++;
    (void)fclose(file);
    return done;
}

static void sysctl_word(const char *name, char *ret, size_t room)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
    file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(ret, (int)room, file))
        ret[strcspn(ret, "\n")] = '\0';
    (void)fclose(file);
}

/* Options of the SYN that the sysctls switch off. */
static unsigned without(void)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"tcp_timestamps", FT_TCP_NO_TIMESTAMPS},
               {"tcp_sack", FT_TCP_NO_SACK},
               {"tcp_window_scaling", FT_TCP_NO_WSCALE},
               {"tcp_slow_start_after_idle", FT_TCP_NO_IDLE_RESTART}};
    unsigned bits = 0;
    long one;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (sysctl(all[i].name, &one, 1) == 1 && one == 0)
            bits |= all[i].bit;
    return bits;
}

/* What of the sysctls a stack may change while it lives. */
static void read_tuning(struct ft_tuning *tuning)
{
    long mem[3], one;

    if (sysctl("tcp_wmem", mem, 3) == 3) {
        tuning->send_buffer = (uint32_t)mem[1];
        tuning->send_buffer_auto_max = (uint32_t)mem[2];
    }
    if (sysctl("tcp_rmem", mem, 3) == 3) {
        tuning->recv_buffer = (uint32_t)mem[1];
        tuning->recv_buffer_auto_max = (uint32_t)mem[2];
    }
    if (sysctl("tcp_fastopen", &one, 1) == 1)
        tuning->fastopen = (uint16_t)one;
    tuning->tcp_without = (uint16_t)without();
    if (sysctl("tcp_min_snd_mss", &one, 1) == 1)
        tuning->min_send_mss = (uint32_t)one;
    if (sysctl("tcp_mtu_probing", &one, 1) == 1 && one >= FT_MTU_ICMP && one <= FT_MTU_PROBE)
        tuning->mtu_probing = (uint8_t)one;
    if (sysctl("tcp_ecn", &one, 1) == 1 && one >= FT_ECN_OFF && one <= FT_ECN_ACCEPT_ACCURATE)
        tuning->ecn = (uint8_t)one;
    if (sysctl("tcp_tw_reuse", &one, 1) == 1 && one >= 0 && one <= FT_TW_REUSE_LOOPBACK)
        tuning->tw_reuse = (uint8_t)one;
    if (sysctl("tcp_min_tso_segs", &one, 1) == 1 && one > 0 && one <= UINT8_MAX)
        tuning->min_frame_segs = (uint8_t)one;
}

void drill_tune(struct drill *drill)
{
    struct ft_tuning before, tuning;

    if (!drill->stack)
        return;
    ft_tuning(drill->stack, &before);
    tuning = before;
    read_tuning(&tuning);
    sysctl_word("tcp_congestion_control", tuning.congestion, sizeof(tuning.congestion));
    if (memcmp(&tuning, &before, sizeof(tuning)) == 0 || ft_tune(drill->stack, &tuning) == 0)
        return;
    /* It may name a congestion control that we do not have. */
    memcpy(tuning.congestion, before.congestion, sizeof(tuning.congestion));
    (void)ft_tune(drill->stack, &tuning); /* not sensible: as it was */
}

static void configure(struct ft_config *config)
{
    ft_config_init(config);
    ft_config_use_malloc(config);
    config->seed[0] = 1; /* the same script, the same run */
    config->wall_offset = (ft_time)DRILL_EPOCH_US * FT_US;
}

/* The MTU of the device that packetdrill would use, if whoever runs it has made one. */
static uint32_t device_mtu(void)
{
    struct ifreq ifr = {.ifr_name = "tun0"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFMTU, &ifr);

    if (fd >= 0)
        close(fd);
    return rc < 0 ? MTU_DEFAULT : (uint32_t)ifr.ifr_mtu;
}

int drill_need_stack(struct drill *drill)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "tun0",
                                  .type = FT_IF_IP,
                                  .gso_max = DRILL_PACKET_MAX,
                                  .flags = FT_IF_TSO | FT_IF_NO_DAD};
    struct ft_route_config route = {.size = sizeof(route)};
    struct ft_config stack_config;
    int rc;

    if (drill->stack) {
        drill_tune(drill);
        return 0;
    }
    configure(&stack_config);
    rc = ft_stack_new(&stack_config, &drill->stack);
    if (rc < 0)
        return rc;
    drill_tune(drill);
    ft_advance(drill->stack, drill->now);
    config.mtu = drill->mtu ? drill->mtu : device_mtu();
    drill->ifindex = ft_if_add(drill->stack, &config);
    if (drill->ifindex < 0)
        return drill->ifindex;
    route.ifindex = drill->ifindex;
    rc = ft_route_add(drill->stack, &route);
    route.prefix.lo = UINT64_C(0xffff) << 32;
    return rc < 0 ? rc : ft_route_add(drill->stack, &route);
}

void drill_need_addr(struct drill *drill, const struct ft_addr *addr)
{
    bool is_v4 = addr->hi == 0 && addr->lo >> 32 == 0xffff;

    /* Refused for what no host has: a group, say. The packet shows what the stack makes of it. */
    if (ft_addr_state(drill->stack, drill->ifindex, addr) < 0)
        (void)ft_addr_add(drill->stack, drill->ifindex, addr, is_v4 ? 32 : 128, 0);
}

static void set(struct drill *drill, ft_sock sock, int name, long value)
{
    int v = (int)value;

    (void)ft_setsockopt(drill->stack, sock, IPPROTO_TCP, name, &v, sizeof(v));
}

/* "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", or two of that with a comma: each number is written down
   least significant octet first. */
static void set_fastopen_key(struct drill *drill, ft_sock sock)
{
    char text[80] = "";
    uint8_t key[32];
    size_t n = 0;
    char *at = text;

    sysctl_word("tcp_fastopen_key", text, sizeof(text));
    while (*at && n + 4 <= sizeof(key)) {
        unsigned long word = strtoul(at, &at, 16);

        for (unsigned i = 0; i < 4; i++)
            key[n++] = (uint8_t)(word >> 8 * i);
        at += *at != '\0';
    }
    if (n == 16 || n == 32)
        (void)ft_setsockopt(drill->stack, sock, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, (socklen_t)n);
}

void drill_apply_sysctls(struct drill *drill, ft_sock sock)
{
    long one;

    set_fastopen_key(drill, sock);

    if (sysctl("tcp_syn_retries", &one, 1) == 1)
        set(drill, sock, TCP_SYNCNT, one);
    if (sysctl("tcp_keepalive_time", &one, 1) == 1)
        set(drill, sock, TCP_KEEPIDLE, one);
    if (sysctl("tcp_keepalive_intvl", &one, 1) == 1)
        set(drill, sock, TCP_KEEPINTVL, one);
    if (sysctl("tcp_keepalive_probes", &one, 1) == 1)
        set(drill, sock, TCP_KEEPCNT, one);
}

/* "mtu=1400": what a script was started with. Anything else is not known. */
static void read_flags(struct drill *drill, const char *flags)
{
    unsigned long mtu;
    char *end;

    if (!flags || !*flags)
        return;
    mtu = strncmp(flags, "mtu=", 4) == 0 ? strtoul(flags + 4, &end, 10) : 0;
    if (mtu < 68 || mtu > DRILL_PACKET_MAX || *end != '\0') {
        fprintf(stderr, "fourtuple: --so_flags '%s': mtu=68 to mtu=%d is all there is\n", flags,
                DRILL_PACKET_MAX);
        exit(2);
    }
    drill->mtu = (uint32_t)mtu;
}

static struct drill *the_drill; /* of this process; for getsockopt(), which is not told */

static void drill_free(void *userdata)
{
    struct drill *drill = userdata;

    the_drill = NULL;
    drill_drop_packets(drill);
    for (unsigned i = 0; i < DRILL_FDS_MAX; i++)
        free(drill->files[i].watches);
    ft_stack_free(drill->stack);
    pthread_cond_destroy(&drill->moved);
    pthread_mutex_destroy(&drill->lock);
    free(drill);
}

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *face)
{
    struct drill *drill = calloc(1, sizeof(*drill));

    if (!drill)
        abort();
    pthread_mutex_init(&drill->lock, NULL);
    pthread_cond_init(&drill->moved, NULL);
    drill->driver = pthread_self();
    read_flags(drill, flags);
    the_drill = drill;
    *face = (struct packetdrill_interface){
        .userdata = drill,
        .free = drill_free,
        .fcntl = drill_fcntl,
        .ioctl = drill_ioctl,
        .close = drill_close,
        .pipe = drill_pipe,
        .splice = drill_splice,
        .netdev_send = drill_netdev_send,
        .netdev_receive = drill_netdev_receive,
        .usleep = drill_usleep,
        .gettimeofday = drill_tell_time,
    };
    drill_set_calls(face);
    drill_set_transfer(face);
    drill_set_wait(face);
}

/* Scripts look at TCP_INFO by getsockopt(2) itself. With the object in LD_PRELOAD that is this one,
   and what is not ours goes to the kernel. */
FT_PUBLIC int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    if (the_drill && drill_file(the_drill, fd, DRILL_SOCKET)) {
        struct packetdrill_interface face = {0};

        drill_set_calls(&face);
        return face.getsockopt(the_drill, fd, level, name, value, len);
    }
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}
