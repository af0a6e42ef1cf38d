/* SPDX-License-Identifier: MIT */
/*
 * A socket as a line of fields.
 */
#include "diag/socket.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "diag/addr.h"

#define NAME_TEXT_MAX (ADDR_TEXT_MAX + 32) /* brackets, a prefix, a scope, a port */
#define INFO_MAX      1400
#define COUNTS_MAX    640

const char *socket_state_word(uint8_t state)
{
    switch ((enum ft_tcp_state)state) {
    case FT_TCP_ESTABLISHED:
        return "ESTAB";
    case FT_TCP_SYN_SENT:
        return "SYN-SENT";
    case FT_TCP_SYN_RECEIVED:
        return "SYN-RECV";
    case FT_TCP_FIN_WAIT_1:
        return "FIN-WAIT-1";
    case FT_TCP_FIN_WAIT_2:
        return "FIN-WAIT-2";
    case FT_TCP_TIME_WAIT:
        return "TIME-WAIT";
    case FT_TCP_CLOSED:
        return "UNCONN";
    case FT_TCP_CLOSE_WAIT:
        return "CLOSE-WAIT";
    case FT_TCP_LAST_ACK:
        return "LAST-ACK";
    case FT_TCP_LISTEN:
        return "LISTEN";
    case FT_TCP_CLOSING:
        return "CLOSING";
    }
    return "UNKNOWN";
}

static bool is_any(const struct ft_addr *addr)
{
    return addr->hi == 0 && (addr->lo == 0 || addr->lo == UINT64_C(0xffff00000000));
}

/* The address as ss shows it: 0.0.0.0 for any IPv4, * for any of both families. */
static void format_addr(const struct ft_addr *addr, uint8_t family, int ifindex, char *ret)
{
    char text[ADDR_TEXT_MAX], scope[16] = "";

    if (is_any(addr)) {
        (void)snprintf(ret, NAME_TEXT_MAX, "%s", family == AF_INET ? "0.0.0.0" : "*");
        return;
    }
    if (ifindex != 0)
        (void)snprintf(scope, sizeof(scope), "%%%d", ifindex);
    (void)addr_format(addr, text);
    if (family == AF_INET)
        (void)snprintf(ret, NAME_TEXT_MAX, "%s%s", text, scope);
    else if (addr_is_ip4(addr))
        (void)snprintf(ret, NAME_TEXT_MAX, "[::ffff:%s]%s", text, scope);
    else
        (void)snprintf(ret, NAME_TEXT_MAX, "[%s]%s", text, scope);
}

static void format_name(const struct ft_addr *addr, uint16_t port, uint8_t family, int ifindex,
                        char *ret)
{
    size_t len;

    format_addr(addr, family, ifindex, ret);
    len = strlen(ret);
    if (port == 0)
        (void)snprintf(ret + len, NAME_TEXT_MAX - len, ":*");
    else
        (void)snprintf(ret + len, NAME_TEXT_MAX - len, ":%u", (unsigned)port);
}

/* Microseconds as the milliseconds of ss: 0.123, 12.5, 200. */
static void format_ms(uint32_t us, char *ret, size_t len)
{
    int n = snprintf(ret, len, "%u.%03u", us / 1000, us % 1000);

    while (n > 1 && ret[n - 1] == '0')
        ret[--n] = '\0';
    if (n > 1 && ret[n - 1] == '.')
        ret[n - 1] = '\0';
}

/* What only some connections have, each with a blank before it. */
static void format_rates(const struct ft_sock_info *info, char *ret, size_t len)
{
    char rtt[24], pacing[48] = "", delivery[48] = "", marks[32] = "";

    format_ms(info->min_rtt_us, rtt, sizeof(rtt));
    if (info->pacing_rate != 0 && info->pacing_rate != UINT64_MAX)
        (void)snprintf(pacing, sizeof(pacing), " pacing_rate %llubps",
                       (unsigned long long)(info->pacing_rate * 8));
    if (info->delivery_rate != 0)
        (void)snprintf(delivery, sizeof(delivery), " delivery_rate %llubps",
                       (unsigned long long)(info->delivery_rate * 8));
    if (info->delivered_ce != 0)
        (void)snprintf(marks, sizeof(marks), " delivered_ce:%u", info->delivered_ce);
    (void)snprintf(ret, len, "%s%s%s%s%s", pacing, delivery, marks,
                   info->min_rtt_us ? " minrtt:" : "", info->min_rtt_us ? rtt : "");
}

/* On what sending took its time, and what part of it. Return: octets written. */
static size_t format_times(const struct ft_sock_info *info, char *ret, size_t len)
{
    uint32_t busy = info->busy_ms;
    const struct {
        const char *word;
        uint32_t ms;
    } parts[] = {{"rwnd_limited", info->window_limited_ms},
                 {"sndbuf_limited", info->buffer_limited_ms}};
    size_t at = 0;

    ret[0] = '\0';
    if (busy == 0)
        return 0;
    at = (size_t)snprintf(ret, len, " busy:%ums", busy);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        unsigned permille = (unsigned)((uint64_t)parts[i].ms * 1000 / busy);

        if (parts[i].ms != 0)
            at += (size_t)snprintf(ret + at, len - at, " %s:%ums(%u.%u%%)", parts[i].word,
                                   parts[i].ms, permille / 10, permille % 10);
    }
    return at;
}

/* What has been counted, or is under way; each with a blank before it, and none that is 0. */
static void format_counts(const struct ft_sock_info *info, char *ret)
{
    const struct {
        const char *word;
        uint32_t n, usual;
    } counts[] = {
        {"backoff", info->backoff, 0},
        {"lastsnd", info->last_sent_ms, 0},
        {"lastrcv", info->last_recv_ms, 0},
        {"lastack", info->last_ack_ms, 0},
        {"data_segs_out", info->data_segs_out, 0},
        {"data_segs_in", info->data_segs_in, 0},
        {"delivered", info->delivered, 0},
        {"unacked", info->unacked, 0},
        {"lost", info->lost, 0},
        {"sacked", info->sacked, 0},
        {"dsack_dups", info->dsack_dups, 0},
        {"reordering", info->reordering, 3},
        {"reord_seen", info->reord_seen, 0},
        {"rcv_ooopack", info->ooo_in, 0},
        {"notsent", info->notsent, 0},
        {"total_rto", info->total_rto, 0},
        {"total_rto_recoveries", info->rto_episodes, 0},
        {"total_rto_time", info->rto_ms, 0},
        {"fastopen_client_fail", info->fastopen_fail, 0},
        {"md5keys", info->md5_keys, 0},
        {"aokeys", info->ao_keys, 0},
    };
    size_t len = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].n == 0 || counts[i].n == counts[i].usual)
            continue;
        len += (size_t)snprintf(ret + len, COUNTS_MAX - len, " %s:%u", counts[i].word, counts[i].n);
    }
    len += format_times(info, ret + len, COUNTS_MAX - len);
    if (info->app_limited)
        (void)snprintf(ret + len, COUNTS_MAX - len, " app_limited");
}

static void format_info(const struct ft_sock_info *info, char *ret)
{
    char rtt[24], rttvar[24], rates[160], counts[COUNTS_MAX], ssthresh[32] = "", ato[24] = "";
    uint32_t mss = info->mss == 0 ? 1 : info->mss;

    ret[0] = '\0';
    if (info->protocol != IPPROTO_TCP || info->state == FT_TCP_LISTEN ||
        info->state == FT_TCP_CLOSED || info->state == FT_TCP_TIME_WAIT)
        return;
    format_ms(info->srtt_us, rtt, sizeof(rtt));
    format_ms(info->rttvar_us, rttvar, sizeof(rttvar));
    if (info->ato_us)
        (void)snprintf(ato, sizeof(ato), " ato:%u", info->ato_us / 1000);
    if (info->ssthresh != UINT32_MAX)
        (void)snprintf(ssthresh, sizeof(ssthresh), " ssthresh:%u", info->ssthresh / mss);
    format_rates(info, rates, sizeof(rates));
    format_counts(info, counts);
    (void)snprintf(
        ret, INFO_MAX,
        "%s%s%s%srto:%u rtt:%s/%s%s mss:%u cwnd:%u%s bytes_sent:%llu bytes_retrans:%llu "
        "bytes_acked:%llu bytes_received:%llu segs_out:%llu segs_in:%llu "
        "retrans:%u/%llu snd_wnd:%u rcv_wnd:%u%s%s",
        info->ecn == FT_ECN_IS_ACCURATE ? "accecn "
        : info->ecn                     ? "ecn "
                                        : "",
        info->ecn_seen ? "ecnseen " : "", info->congestion, info->congestion[0] ? " " : "",
        info->rto_us / 1000, rtt, rttvar, ato, info->mss, info->cwnd / mss, ssthresh,
        (unsigned long long)info->octets_sent, (unsigned long long)info->octets_retrans,
        (unsigned long long)info->octets_acked, (unsigned long long)info->octets_received,
        (unsigned long long)info->segs_out, (unsigned long long)info->segs_in, info->again,
        (unsigned long long)info->segs_retrans, info->snd_wnd, info->rcv_wnd, rates, counts);
}

size_t socket_line(const struct ft_sock_info *info, const char *process, char *ret_line)
{
    char local[NAME_TEXT_MAX], peer[NAME_TEXT_MAX], detail[INFO_MAX], users[200];
    int n;

    format_name(&info->local, info->local_port, info->family, info->ifindex, local);
    format_name(&info->remote, info->remote_port, info->family,
                is_any(&info->remote) ? 0 : info->ifindex, peer);
    format_info(info, detail);
    (void)snprintf(users, sizeof(users), "%s", process);
    for (char *at = users; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    }
    n = snprintf(ret_line, SOCKET_LINE_MAX, "%s\t%s\t%u\t%u\t%s\t%s\t%c\t%s\t%s",
                 info->protocol == IPPROTO_UDP ? "udp" : "tcp", socket_state_word(info->state),
                 info->recv_q, info->send_q, local, peer, info->family == AF_INET6 ? '6' : '4',
                 users, detail);
    return n < 0 ? 0 : n < SOCKET_LINE_MAX ? (size_t)n : SOCKET_LINE_MAX - 1;
}
