/* SPDX-License-Identifier: MIT */
/*
 * Socket options of streams, with Linux's names, values and answers. An option that is unknown
 * here answers -ENOPROTOOPT, as an unknown option does on Linux.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lifetime.h"
#include "priv.h"
#include "sock/cmsg.h"
#include "sock/opt.h"

/* Options that both an active and a passive socket have, and what each has besides. */
struct subject {
    struct tcp_opts *opts;
    struct ft_tcb *tcb;           /* NULL for a passive socket */
    struct ft_listener *listener; /* NULL for an active one */
};

static struct ft_name *name_of(const struct subject *s)
{
    return s->listener ? s->listener->name : tcb_name(s->tcb);
}

static void set_flag(struct tcp_opts *opts, uint16_t flag, bool on)
{
    opts->flags = (uint16_t)(on ? opts->flags | flag : opts->flags & ~flag);
}

/* ---- SOL_SOCKET ------------------------------------------------------------------------------ */

/* Linux doubles what is set, to pay for its bookkeeping, and bounds it. */
static uint32_t buffer_size(int value, uint32_t max, uint32_t least)
{
    uint32_t v = value < 0 ? max : FT_MIN((uint32_t)value, max);
    return FT_MAX(2 * v, least);
}

static int set_linger(struct tcp_opts *opts, const void *value, socklen_t len)
{
    struct linger linger;
    int err = ft_opt_get(value, len, &linger, sizeof linger);
    if (err)
        return err;
    set_flag(opts, OPT_LINGER, linger.l_onoff);
    opts->linger_s = linger.l_linger;
    return 0;
}

static int bind_device(struct ft_tcp *tcp, struct subject *s, const char *value, socklen_t len)
{
    char name[FT_IF_NAME_MAX] = {0};
    if (len > sizeof name - 1)
        len = sizeof name - 1;
    if (len > 0)
        memcpy(name, value, len);
    int ifindex = name[0] ? ft_net_if_named(tcp->net, name) : 0;
    if (name[0] && !ifindex)
        return -ENODEV;
    s->opts->bound_if = (uint16_t)ifindex;
    if (name_of(s))
        name_of(s)->ifindex = (uint16_t)ifindex;
    return 0;
}

/* A connection holds its port as the option stands: both change together. */
static int rehold_port(struct ft_tcp *tcp, struct ft_tcb *tcb, bool on)
{
    if (!(tcb->flags & TCB_PORT_HELD) || !!(tcb->cold->opts.flags & OPT_REUSE_ADDR) == on)
        return 0;
    int err = ft_port_hold(tcp->names, IPPROTO_TCP, &tcb->conn.local, tcb->conn.local_port, on);
    if (err == 0)
        ft_port_drop(tcp->names, IPPROTO_TCP, tcb->conn.local_port, !on);
    return err;
}

static int set_reuse(struct ft_tcp *tcp, struct subject *s, int name, bool on)
{
    if (s->tcb && name == SO_REUSEADDR) {
        int err = rehold_port(tcp, s->tcb, on);
        if (err)
            return err;
    }
    set_flag(s->opts, name == SO_REUSEADDR ? OPT_REUSE_ADDR : OPT_REUSE_PORT, on);
    struct ft_name *held = name_of(s);
    if (held && name == SO_REUSEADDR)
        held->reuse_addr = on;
    else if (held)
        held->reuse_port = on;
    return 0;
}

/* Linux takes four octets or eight; all ones mean no limit. Here what four octets cannot say is
   none either: 34 Gbit/s and more. */
static int set_pacing(struct ft_tcp *tcp, struct subject *s, const void *value, socklen_t len)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    int err = len >= sizeof wide ? ft_opt_get(value, len, &wide, sizeof wide)
                                 : ft_opt_get(value, len, &narrow, sizeof narrow);
    if (err)
        return err;
    uint64_t rate = len >= sizeof wide ? wide : narrow;
    s->opts->max_pacing_rate = (uint32_t)FT_MIN(rate, (uint64_t)UINT32_MAX);
    if (s->tcb)
        ft_pace_reset(tcp, s->tcb);
    return 0;
}

static int get_pacing(const struct tcp_opts *opts, void *ret, socklen_t *len)
{
    uint32_t narrow = opts->max_pacing_rate;
    uint64_t wide = narrow == UINT32_MAX ? UINT64_MAX : narrow;
    if (*len >= sizeof wide)
        return ft_opt_put(ret, len, &wide, sizeof wide);
    return ft_opt_put(ret, len, &narrow, sizeof narrow);
}

static int set_socket(struct ft_tcp *tcp, struct subject *s, int name, const void *value,
                      socklen_t len)
{
    const struct ft_limits *limits = &tcp->env->config.limits;
    int v = 0;
    if (name == SO_LINGER)
        return set_linger(s->opts, value, len);
    if (name == SO_BINDTODEVICE)
        return bind_device(tcp, s, value, len);
    if (name == SO_MAX_PACING_RATE)
        return set_pacing(tcp, s, value, len);
    if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
        return 0; /* nothing blocks here: it is for who does */
    int err = ft_opt_get_int(value, len, &v);
    if (err)
        return err;
    if (ft_stamping_is_opt(name))
        return ft_notes_set(tcp, s->tcb, &s->opts->stamping, name, v);
    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        return set_reuse(tcp, s, name, v);
    case SO_KEEPALIVE:
        set_flag(s->opts, OPT_KEEPALIVE, v);
        if (s->tcb)
            ft_tcb_restart_keepalive(tcp, s->tcb);
        return 0;
    case SO_OOBINLINE:
        set_flag(s->opts, OPT_OOBINLINE, v);
        return 0;
    case SO_ZEROCOPY:
        if (v < 0 || v > 1)
            return -EINVAL;
        set_flag(s->opts, OPT_ZEROCOPY, v);
        return 0;
    case SO_SNDBUF:
        s->opts->snd_buf = buffer_size(v, limits->send_buffer_max, 4608);
        set_flag(s->opts, OPT_SNDBUF_SET, true);
        if (s->tcb && (ft_tcp_ready(s->tcb) & FT_WRITABLE))
            ft_tcb_raise(tcp, s->tcb, FT_WRITABLE);
        return 0;
    case SO_RCVBUF:
        s->opts->rcv_buf = buffer_size(v, limits->recv_buffer_max, 2304);
        set_flag(s->opts, OPT_RCVBUF_SET, true);
        return 0;
    case SO_RCVLOWAT:
        s->opts->rcv_lowat = v > 0 ? (uint32_t)v : 1;
        return 0;
    case SO_PRIORITY:
        s->opts->priority = (uint8_t)v;
        return 0;
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_MARK:
    case SO_BUSY_POLL:
    case SO_INCOMING_CPU:
        return 0; /* accepted, and of no effect on a stream here */
    default:
        return -ENOPROTOOPT;
    }
}

static int get_error(struct subject *s)
{
    if (!s->tcb)
        return 0;
    int err = s->tcb->cold->error;
    s->tcb->cold->error = 0;
    if (!err) {
        err = s->tcb->cold->soft_error; /* MUST-47, as Linux */
        s->tcb->cold->soft_error = 0;
    }
    return err;
}

/* SO_MEMINFO: nine numbers in the order of Linux's SK_MEMINFO_*. */
static int get_meminfo(const struct subject *s, void *ret, socklen_t *len)
{
    uint32_t info[9] = {[1] = s->opts->rcv_buf, [3] = s->opts->snd_buf};
    if (s->tcb) {
        info[0] = ft_ring_len(&s->tcb->rcv);
        info[2] = tcb_flight(s->tcb);
        info[5] = ft_ring_len(&s->tcb->snd);
    }
    return ft_opt_put(ret, len, info, sizeof info);
}

static int get_socket(struct ft_tcp *tcp, struct subject *s, int name, void *ret, socklen_t *len)
{
    uint16_t flags = s->opts->flags;
    struct linger linger = {.l_onoff = !!(flags & OPT_LINGER), .l_linger = s->opts->linger_s};
    struct timeval never = {0};
    const char *device;
    switch (name) {
    case SO_TYPE:
        return ft_opt_put_int(ret, len, SOCK_STREAM);
    case SO_DOMAIN:
        return ft_opt_put_int(ret, len, (flags & OPT_IPV6) ? AF_INET6 : AF_INET);
    case SO_PROTOCOL:
        return ft_opt_put_int(ret, len, IPPROTO_TCP);
    case SO_ERROR:
        return ft_opt_put_int(ret, len, get_error(s));
    case SO_ACCEPTCONN:
        return ft_opt_put_int(ret, len, s->listener != NULL);
    case SO_REUSEADDR:
        return ft_opt_put_int(ret, len, !!(flags & OPT_REUSE_ADDR));
    case SO_REUSEPORT:
        return ft_opt_put_int(ret, len, !!(flags & OPT_REUSE_PORT));
    case SO_KEEPALIVE:
        return ft_opt_put_int(ret, len, !!(flags & OPT_KEEPALIVE));
    case SO_OOBINLINE:
        return ft_opt_put_int(ret, len, !!(flags & OPT_OOBINLINE));
    case SO_ZEROCOPY:
        return ft_opt_put_int(ret, len, !!(flags & OPT_ZEROCOPY));
    case SO_SNDBUF:
        return ft_opt_put_int(ret, len, (int)s->opts->snd_buf);
    case SO_RCVBUF:
        return ft_opt_put_int(ret, len, (int)s->opts->rcv_buf);
    case SO_RCVLOWAT:
        return ft_opt_put_int(ret, len, (int)s->opts->rcv_lowat);
    case SO_SNDLOWAT:
        return ft_opt_put_int(ret, len, 1);
    case SO_PRIORITY:
        return ft_opt_put_int(ret, len, s->opts->priority);
    case SO_MAX_PACING_RATE:
        return get_pacing(s->opts, ret, len);
    case SO_MEMINFO:
        return get_meminfo(s, ret, len);
    case SO_LINGER:
        return ft_opt_put(ret, len, &linger, sizeof linger);
    case SO_RCVTIMEO:
    case SO_SNDTIMEO:
        return ft_opt_put(ret, len, &never, sizeof never);
    case SO_BINDTODEVICE:
        device = s->opts->bound_if ? ft_net_if_name(tcp->net, s->opts->bound_if) : NULL;
        return device ? ft_opt_put(ret, len, device, FT_IF_NAME_MAX) : ft_opt_put(ret, len, "", 0);
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_MARK:
        return ft_opt_put_int(ret, len, 0);
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMPING:
        return ft_opt_put_int(ret, len, ft_stamping_get(s->opts->stamping, name));
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- IPPROTO_TCP ----------------------------------------------------------------------------- */

static void uncork(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb || tcb_state(tcb) == FT_TCP_CLOSED)
        return;
    if (ft_ring_len(&tcb->snd) == 0 || seq_eq(tcb->snd_nxt, tcb_snd_end(tcb)))
        return; /* nothing waits, and what comes later is not pushed out by this */
    tcb->flags |= TCB_NAGLE_OFF;
    ft_tcb_wake(tcp, tcb);
}

static int set_seconds(uint16_t *ret, int v, int max)
{
    if (v < 1 || v > max)
        return -EINVAL;
    *ret = (uint16_t)v;
    return 0;
}

static int set_congestion(struct ft_tcp *tcp, struct subject *s, const char *value, socklen_t len)
{
    if (len < 1)
        return -EINVAL;
    int cc = ft_cc_find(value, len);
    if (cc < 0)
        return cc;
    if (s->tcb)
        ft_cc_switch(tcp, s->tcb, (uint8_t)cc);
    s->opts->cc = (uint8_t)cc;
    return 0;
}

/* RFC 9293 MUST-27; off until SO_KEEPALIVE says otherwise (MUST-25). */
static int set_keepalive(struct ft_tcp *tcp, struct subject *s, int name, int v)
{
    int err = 0;
    if (name == TCP_KEEPIDLE)
        err = set_seconds(&s->opts->keep_idle_s, v, 32767);
    else if (name == TCP_KEEPINTVL)
        err = set_seconds(&s->opts->keep_intvl_s, v, 32767);
    else if (v < 1 || v > 127)
        err = -EINVAL;
    else
        s->opts->keep_cnt = (uint8_t)v;
    if (!err && s->tcb)
        ft_tcb_restart_keepalive(tcp, s->tcb);
    return err;
}

static int set_tcp_int(struct ft_tcp *tcp, struct subject *s, int name, int v)
{
    switch (name) {
    case TCP_NODELAY:
        set_flag(s->opts, OPT_NODELAY, v);
        if (v)
            uncork(tcp, s->tcb);
        return 0;
    case TCP_CORK:
        set_flag(s->opts, OPT_CORK, v);
        if (!v)
            uncork(tcp, s->tcb);
        return 0;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT:
        return set_keepalive(tcp, s, name, v);
    case TCP_SYNCNT:
        if (v < 1 || v > 127)
            return -EINVAL;
        s->opts->syn_retries = (uint8_t)v;
        return 0;
    case TCP_USER_TIMEOUT:
        if (v < 0)
            return -EINVAL;
        s->opts->user_timeout_ms = (uint32_t)v; /* MUST-21 */
        return 0;
    case TCP_MAXSEG:
        if (v && (v < USER_MSS_MIN || v > USER_MSS_MAX))
            return -EINVAL;
        s->opts->user_mss = (uint16_t)v;
        return 0;
    case TCP_WINDOW_CLAMP:
        if (v < 0 || (v == 0 && s->tcb && tcb_state(s->tcb) != FT_TCP_CLOSED))
            return -EINVAL;
        s->opts->window_clamp = v ? FT_MAX((uint32_t)v, WINDOW_CLAMP_MIN) : 0;
        return 0;
    case TCP_NOTSENT_LOWAT:
        s->opts->notsent_lowat = (uint32_t)v;
        return 0;
    case TCP_DEFER_ACCEPT:
        s->opts->defer_accept_s = (uint16_t)FT_MIN(FT_MAX(v, 0), 65535);
        return 0;
    case TCP_QUICKACK:
        if (s->tcb)
            ft_delack_set(tcp, s->tcb, v);
        return 0;
    case TCP_LINGER2:
        ft_linger2_set(s->opts, v);
        return 0;
    case TCP_INQ:
        if (v < 0 || v > 1)
            return -EINVAL;
        set_flag(s->opts, OPT_INQ, v);
        return 0;
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
    case TCP_FASTOPEN_NO_COOKIE:
        return ft_tfo_set(tcp, s->tcb, s->listener, name, v);
    default:
        return -ENOPROTOOPT;
    }
}

static int get_tcp(struct ft_tcp *tcp, struct subject *s, int name, void *ret, socklen_t *len)
{
    const struct tcp_opts *opts = s->opts;
    switch (name) {
    case TCP_NODELAY:
        return ft_opt_put_int(ret, len, !!(opts->flags & OPT_NODELAY));
    case TCP_CORK:
        return ft_opt_put_int(ret, len, !!(opts->flags & OPT_CORK));
    case TCP_KEEPIDLE:
        return ft_opt_put_int(ret, len, opts->keep_idle_s);
    case TCP_KEEPINTVL:
        return ft_opt_put_int(ret, len, opts->keep_intvl_s);
    case TCP_KEEPCNT:
        return ft_opt_put_int(ret, len, opts->keep_cnt);
    case TCP_SYNCNT:
        return ft_opt_put_int(ret, len, opts->syn_retries);
    case TCP_USER_TIMEOUT:
        return ft_opt_put_int(ret, len, (int)opts->user_timeout_ms);
    case TCP_MAXSEG:
        return ft_opt_put_int(ret, len,
                              s->tcb && tcb_state(s->tcb) != FT_TCP_CLOSED ? s->tcb->snd_mss
                              : opts->user_mss                             ? opts->user_mss
                                                                           : TCP_MSS_DEFAULT4);
    case TCP_WINDOW_CLAMP:
        return ft_opt_put_int(ret, len, (int)opts->window_clamp);
    case TCP_NOTSENT_LOWAT:
        return ft_opt_put_int(ret, len, (int)opts->notsent_lowat);
    case TCP_DEFER_ACCEPT:
        return ft_opt_put_int(ret, len, ft_defer_seconds(opts));
    case TCP_QUICKACK:
        return ft_opt_put_int(ret, len, !s->tcb || ft_delack_get(s->tcb));
    case TCP_LINGER2:
        return ft_opt_put_int(ret, len, ft_linger2_get(opts));
    case TCP_CONGESTION:
        return ft_opt_put(ret, len, ft_cc_ops(opts->cc)->name, CC_NAME_MAX);
    case TCP_INQ:
        return ft_opt_put_int(ret, len, !!(opts->flags & OPT_INQ));
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
    case TCP_FASTOPEN_NO_COOKIE:
        return ft_opt_put_int(ret, len, ft_tfo_get(s->tcb, s->listener, name));
    case TCP_FASTOPEN_KEY:
        return ft_tfo_get_key(tcp, s->tcb, s->listener, ret, len);
    case TCP_INFO:
        return ft_tcp_linux_info(tcp, s->tcb, ret, len);
    case TCP_CC_INFO:
        *len = 0; /* no algorithm here has more to say than TCP_INFO does */
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- IPPROTO_IP, IPPROTO_IPV6 ---------------------------------------------------------------- */

/* RFC 9293 MUST-51, MUST-52, MUST-53 and SHLD-24. Deviation: no source route is given, taken or
   kept, and a segment that carries one is dropped: it lets a stranger speak in another's name. */

/* RFC 9293 SHLD-13 and SHLD-23. Deviation: advice to applications, which are free here as on Linux
   to send urgent octets and to change the Diffserv field. */

/* Taken, and of no effect on a stream here: what is set is not kept, and reads as 0. */
static bool is_idle(int level, int name)
{
    switch (name) {
    case IP_FREEBIND:
    case IP_TRANSPARENT:
    case IP_BIND_ADDRESS_NO_PORT:
    case IP_PKTINFO:
    case IP_RECVTOS:
    case IP_RECVTTL:
        return level == IPPROTO_IP;
    case IPV6_RECVPKTINFO:
    case IPV6_RECVHOPLIMIT:
    case IPV6_RECVTCLASS:
        return level == IPPROTO_IPV6;
    default:
        return false;
    }
}

static int set_ip(struct subject *s, int name, int v)
{
    switch (name) {
    case IP_TOS:
        /* MUST-48, SHLD-21, SHLD-22; but ECN is not the user's on a stream. */
        s->opts->tos = (uint8_t)v & 0xfc;
        return 0;
    case IP_TTL:
        if (v != -1 && (v < 1 || v > 255))
            return -EINVAL;
        s->opts->ttl = (uint8_t)(v == -1 ? 0 : v); /* MUST-49 */
        return 0;
    case IP_RECVERR:
        set_flag(s->opts, OPT_RECVERR, v);
        return 0;
    case IP_MTU_DISCOVER:
        return 0;
    default:
        return is_idle(IPPROTO_IP, name) ? 0 : -ENOPROTOOPT;
    }
}

static int get_ip(struct ft_tcp *tcp, struct subject *s, int name, void *ret, socklen_t *len)
{
    switch (name) {
    case IP_TOS:
        return ft_opt_put_small(ret, len, s->opts->tos);
    case IP_TTL:
        return ft_opt_put_small(ret, len, s->opts->ttl ? s->opts->ttl : tcp->env->config.ttl);
    case IP_OPTIONS:
        *len = 0; /* none; sshd asks */
        return 0;
    case IP_RECVERR:
        return ft_opt_put_small(ret, len, !!(s->opts->flags & OPT_RECVERR));
    case IP_MTU:
        if (!s->tcb || tcb_state(s->tcb) == FT_TCP_CLOSED)
            return -ENOTCONN;
        return ft_opt_put_int(ret, len, s->tcb->mtu);
    case IP_MTU_DISCOVER:
        return ft_opt_put_int(ret, len, IP_PMTUDISC_WANT);
    default:
        return is_idle(IPPROTO_IP, name) ? ft_opt_put_small(ret, len, 0) : -ENOPROTOOPT;
    }
}

static int set_ip6(struct subject *s, int name, int v)
{
    switch (name) {
    case IPV6_V6ONLY:
        if (name_of(s) || (s->tcb && tcb_state(s->tcb) != FT_TCP_CLOSED))
            return -EINVAL;
        set_flag(s->opts, OPT_V6ONLY, v);
        return 0;
    case IPV6_UNICAST_HOPS:
        return set_ip(s, IP_TTL, v);
    case IPV6_TCLASS:
        if (v < -1 || v > 255)
            return -EINVAL;
        return set_ip(s, IP_TOS, v == -1 ? 0 : v);
    case IPV6_RECVERR:
        return set_ip(s, IP_RECVERR, v);
    case IPV6_MTU_DISCOVER:
    case IPV6_AUTOFLOWLABEL:
        return 0;
    default:
        return is_idle(IPPROTO_IPV6, name) ? 0 : -ENOPROTOOPT;
    }
}

static int get_ip6(struct ft_tcp *tcp, struct subject *s, int name, void *ret, socklen_t *len)
{
    switch (name) {
    case IPV6_V6ONLY:
        return ft_opt_put_int(ret, len, !!(s->opts->flags & OPT_V6ONLY));
    case IPV6_UNICAST_HOPS:
        return ft_opt_put_int(ret, len, s->opts->ttl ? s->opts->ttl : tcp->env->config.ttl);
    case IPV6_TCLASS:
        return ft_opt_put_int(ret, len, s->opts->tos);
    case IPV6_MTU:
        return get_ip(tcp, s, IP_MTU, ret, len);
    case IPV6_RECVERR:
        return ft_opt_put_int(ret, len, !!(s->opts->flags & OPT_RECVERR));
    case IPV6_MTU_DISCOVER:
        return ft_opt_put_int(ret, len, IPV6_PMTUDISC_WANT);
    default:
        return is_idle(IPPROTO_IPV6, name) ? ft_opt_put_int(ret, len, 0) : -ENOPROTOOPT;
    }
}

/* ---- the calls ------------------------------------------------------------------------------- */

static struct tcp_auth_of auth_of(const struct subject *s)
{
    return (struct tcp_auth_of){
        .auth = s->listener ? s->listener->auth : tcb_auth(s->tcb),
        .listener = s->listener,
        .tcb = s->tcb,
        .ipv6 = s->opts->flags & OPT_IPV6,
    };
}

static int set_option(struct ft_tcp *tcp, struct subject *s, int level, int name, const void *value,
                      socklen_t len)
{
    int v = 0;
    if (level == SOL_SOCKET)
        return set_socket(tcp, s, name, value, len);
    if (level == IPPROTO_TCP && ft_auth_is_opt(name)) {
        struct tcp_auth_of of = auth_of(s);
        return ft_auth_set(tcp, &of, name, value, len);
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        return set_congestion(tcp, s, value, len);
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
        return ft_tfo_set_key(tcp, s->tcb, s->listener, value, len);
    int err =
        level == IPPROTO_IP ? ft_opt_get_small(value, len, &v) : ft_opt_get_int(value, len, &v);
    if (err)
        return err;
    if (level == IPPROTO_TCP)
        return set_tcp_int(tcp, s, name, v);
    if (level == IPPROTO_IP)
        return set_ip(s, name, v);
    if (level == IPPROTO_IPV6 && (s->opts->flags & OPT_IPV6))
        return set_ip6(s, name, v);
    return -ENOPROTOOPT;
}

static int get_option(struct ft_tcp *tcp, struct subject *s, int level, int name, void *ret,
                      socklen_t *len)
{
    if (level == SOL_SOCKET)
        return get_socket(tcp, s, name, ret, len);
    if (level == IPPROTO_TCP && ft_auth_is_opt(name)) {
        struct tcp_auth_of of = auth_of(s);
        return ft_auth_read(tcp, &of, name, ret, len);
    }
    if (level == IPPROTO_TCP)
        return get_tcp(tcp, s, name, ret, len);
    if (level == IPPROTO_IP)
        return get_ip(tcp, s, name, ret, len);
    if (level == IPPROTO_IPV6 && (s->opts->flags & OPT_IPV6))
        return get_ip6(tcp, s, name, ret, len);
    return level == IPPROTO_IPV6 ? -ENOPROTOOPT : -EOPNOTSUPP;
}

int ft_tcp_setsockopt(struct ft_tcp *tcp, struct ft_tcb *tcb, int level, int name,
                      const void *value, socklen_t len)
{
    struct subject s = {.opts = &tcb->cold->opts, .tcb = tcb};
    return set_option(tcp, &s, level, name, value, len);
}

int ft_tcp_getsockopt(struct ft_tcp *tcp, struct ft_tcb *tcb, int level, int name, void *ret_value,
                      socklen_t *len)
{
    struct subject s = {.opts = &tcb->cold->opts, .tcb = tcb};
    return get_option(tcp, &s, level, name, ret_value, len);
}

int ft_tcp_listener_setsockopt(struct ft_tcp *tcp, struct ft_listener *listener, int level,
                               int name, const void *value, socklen_t len)
{
    struct subject s = {.opts = &listener->opts, .listener = listener};
    return set_option(tcp, &s, level, name, value, len);
}

int ft_tcp_listener_getsockopt(struct ft_tcp *tcp, struct ft_listener *listener, int level,
                               int name, void *ret_value, socklen_t *len)
{
    struct subject s = {.opts = &listener->opts, .listener = listener};
    return get_option(tcp, &s, level, name, ret_value, len);
}
