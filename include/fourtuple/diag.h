/* SPDX-License-Identifier: MIT */
/*
 * Looking in: the socket table, the counters, and the verdict on every packet.
 *
 * Every arriving segment is examined: four-tuple first, then socket name, then nobody. What came of
 * it has a name here, and a counter; so has the reason of every drop.
 */
#ifndef FOURTUPLE_DIAG_H
#define FOURTUPLE_DIAG_H

#include <fourtuple/iface.h>
#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* TCP's states, with Linux's numbers. */
enum ft_tcp_state {
    FT_TCP_ESTABLISHED = 1,
    FT_TCP_SYN_SENT = 2,
    FT_TCP_SYN_RECEIVED = 3,
    FT_TCP_FIN_WAIT_1 = 4,
    FT_TCP_FIN_WAIT_2 = 5,
    FT_TCP_TIME_WAIT = 6,
    FT_TCP_CLOSED = 7,
    FT_TCP_CLOSE_WAIT = 8,
    FT_TCP_LAST_ACK = 9,
    FT_TCP_LISTEN = 10,
    FT_TCP_CLOSING = 11,
};

/* What became of a packet that came in. X(NAME, name, what it means) */
#define FT_VERDICTS(X)                                                                             \
    X(ACTIVE, active, "matched an active socket")                                                  \
    X(PASSIVE, passive, "matched a passive socket")                                                \
    X(NO_SOCKET, no_socket, "no socket; answered by a reset or an ICMP error if that is allowed")  \
    X(DATAGRAM, datagram, "matched a datagram socket")                                             \
    X(CONTROL, control, "ARP, ND, ICMP or group membership, handled by the stack")                 \
    X(FRAGMENT, fragment, "a fragment, kept for reassembly")                                       \
    X(DROP_FRAME, drop_frame, "no valid frame of the link")                                        \
    X(DROP_NOT_MINE, drop_not_mine, "not for a link or network address of this host")              \
    X(DROP_ETHERTYPE, drop_ethertype, "a network protocol that is not spoken here")                \
    X(DROP_HEADER, drop_header, "a malformed network or transport header")                         \
    X(DROP_CHECKSUM, drop_checksum, "a wrong checksum")                                            \
    X(DROP_MARTIAN, drop_martian, "a source or destination that cannot be")                        \
    X(DROP_OPTIONS, drop_options, "source route, or options that may not be")                      \
    X(DROP_PROTOCOL, drop_protocol, "a transport protocol that is not spoken here")                \
    X(DROP_CONTROL, drop_control, "an invalid or unwanted ARP, ND or ICMP message")                \
    X(DROP_REASSEMBLY, drop_reassembly, "overlapping, overlong, or beyond the reassembly limits")  \
    X(DROP_SEQUENCE, drop_sequence, "a segment outside the window")                                \
    X(DROP_PAWS, drop_paws, "a timestamp older than the last (PAWS)")                              \
    X(DROP_ACK, drop_ack, "an acknowledgement that cannot be")                                     \
    X(DROP_CHALLENGE, drop_challenge, "answered by a challenge ACK (RFC 5961)")                    \
    X(DROP_FLAGS, drop_flags, "flags that make no sense in this state")                            \
    X(DROP_BACKLOG, drop_backlog, "the backlog of the passive socket is full")                     \
    X(DROP_BUFFER, drop_buffer, "the receive buffer is full")                                      \
    X(DROP_MEMORY, drop_memory, "memory was refused")                                              \
    X(DROP_CLOSED, drop_closed, "octets for a socket that nobody reads any more")                  \
    X(DROP_LIMIT, drop_limit, "over a rate limit")                                                 \
    X(DROP_AWAY, drop_away, "for a connection that was exported and goes on elsewhere")            \
    X(DROP_UNSIGNED, drop_unsigned, "no signature, where a key asks for one (RFC 2385, RFC 5925)") \
    X(DROP_SIGNED, drop_signed, "a signature for which there is no key")                           \
    X(DROP_SIGNATURE, drop_signature, "a wrong signature, or more than one")

enum ft_verdict {
#define X(NAME, name, text) FT_RX_##NAME,
    FT_VERDICTS(X)
#undef X
        FT_RX_N
};

/* What is counted beside the verdicts. X(name, what it counts) */
#define FT_COUNTERS(X)                                                                             \
    X(frames_in, "frames taken in")                                                                \
    X(octets_in, "octets of them")                                                                 \
    X(frames_out, "frames given to a link")                                                        \
    X(octets_out, "octets of them")                                                                \
    X(frames_unsent, "frames that a link gave back unsent")                                        \
    X(control_dropped, "control packets dropped because their queue was full or not sent")         \
    X(icmp_limited, "ICMP errors and resets not sent because of the rate limit")                   \
    X(neighbours_failed, "neighbours that did not answer")                                         \
    X(addr_conflicts, "conflicts about our addresses")                                             \
    X(reassembled, "datagrams put together from fragments")                                        \
    X(reassembly_timeouts, "datagrams that never became whole")                                    \
    X(fragments_out, "fragments sent")                                                             \
    X(udp_in, "datagrams delivered")                                                               \
    X(udp_out, "datagrams sent")                                                                   \
    X(udp_buffer_full, "datagrams dropped because the receive buffer was full")                    \
    X(tcp_segs_in, "TCP segments taken in (RFC 4022 tcpInSegs)")                                   \
    X(tcp_segs_out, "TCP segments sent, without retransmissions (tcpOutSegs)")                     \
    X(tcp_retrans_segs, "TCP segments sent again (tcpRetransSegs)")                                \
    X(tcp_active_opens, "SYN-SENT entered from CLOSED (tcpActiveOpens)")                           \
    X(tcp_passive_opens, "SYN-RECEIVED entered from LISTEN (tcpPassiveOpens)")                     \
    X(tcp_attempt_fails, "attempts that failed (tcpAttemptFails)")                                 \
    X(tcp_estab_resets, "established connections reset (tcpEstabResets)")                          \
    X(tcp_resets_out, "resets sent (tcpOutRsts)")                                                  \
    X(tcp_acks_out, "segments sent that carry nothing but an ACK")                                 \
    X(tcp_challenge_acks, "challenge ACKs sent (RFC 5961)")                                        \
    X(tcp_rto, "retransmission timeouts")                                                          \
    X(tcp_fast_retransmits, "losses repaired by fast retransmit")                                  \
    X(tcp_tail_probes, "tail loss probes sent (RFC 8985)")                                         \
    X(tcp_spurious_recoveries, "recoveries and timeouts that were mistakes, and were undone")      \
    X(tcp_black_holes, "paths on which full-sized segments were found to vanish (RFC 4821)")       \
    X(tcp_mtu_probes, "segments sent to find out whether a path takes their size")                 \
    X(tcp_mtu_probes_good, "of these, those that arrived")                                         \
    X(tcp_probes, "zero-window probes sent")                                                       \
    X(tcp_keepalives, "keep-alive probes sent")                                                    \
    X(tcp_delayed_acks, "ACKs sent by the delayed-ACK timer")                                      \
    X(tcp_ecn, "connections that agreed on explicit congestion notification (RFC 3168)")           \
    X(tcp_accecn, "of these, on accurate ECN (RFC 9768)")                                          \
    X(tcp_ecn_fallbacks, "connections that send nothing ECN-capable, since it is mangled")         \
    X(tcp_ce_in, "segments that came with a mark of congestion")                                   \
    X(tcp_ecn_reductions, "windows reduced because of marks")                                      \
    X(tcp_out_of_order, "segments that arrived out of order")                                      \
    X(tcp_pruned, "times that octets beyond a gap gave way to others, for want of memory")         \
    X(tcp_cookies_sent, "SYN cookies sent")                                                        \
    X(tcp_cookies_good, "connections made from SYN cookies")                                       \
    X(tcp_cookies_bad, "ACKs that looked for a cookie and had none")                               \
    X(tcp_backlog_full, "connections dropped because the backlog was full")                        \
    X(tcp_signed_good, "segments whose signature was right (RFC 2385, RFC 5925)")                  \
    X(tcp_not_signed, "segments not sent since there was no key to sign them by")                  \
    X(tcp_stamps_dropped, "times of SO_TIMESTAMPING that found the error queue full")              \
    X(tcp_orphans_killed, "orphans given up because there were too many, or for too long")         \
    X(tcp_misers_evicted, "connections reset for want of memory, whose peer's window was shut")    \
    X(tcp_time_waits, "TIME-WAIT entries made")                                                    \
    X(tcp_time_wait_evicted, "TIME-WAIT entries that gave way to newer ones")                      \
    X(tcp_time_wait_reused, "TIME-WAIT entries that active opens have taken over")                 \
    X(tcp_exports, "connections given to another stack")                                           \
    X(tcp_imports, "connections taken over from another stack")                                    \
    X(alloc_failed, "allocations refused")                                                         \
    X(steps_table_probes, "work: buckets looked at in the four-tuple table")                       \
    X(steps_list_nodes, "work: list and tree nodes walked")                                        \
    X(steps_octets_copied, "work: octets of payload copied")                                       \
    X(steps_timers, "work: timers fired")

/* Counters only grow; gauges (now_*) tell what is. */
struct ft_counters {
    uint64_t verdicts[FT_RX_N]; /* by enum ft_verdict */
#define X(name, text) uint64_t name;
    FT_COUNTERS(X)
#undef X
    uint64_t now_memory;      /* octets allocated */
    uint64_t now_sockets;     /* descriptors */
    uint64_t now_connections; /* active sockets, orphans among them, without TIME-WAIT */
    uint64_t now_half_open;   /* embryos */
    uint64_t now_time_wait;
    uint64_t now_orphans;    /* connections without a descriptor, without TIME-WAIT */
    uint64_t now_unfinished; /* those with octets or a FIN that is not acknowledged yet */
};

/* Explicit congestion notification of a connection, with Linux's numbers (tcpi_ecn_mode). */
enum ft_ecn_is {
    FT_ECN_IS_OFF = 0,
    FT_ECN_IS_CLASSIC = 1,  /* RFC 3168 */
    FT_ECN_IS_ACCURATE = 2, /* RFC 9768 */
};

/* One line of the socket table. */
struct ft_sock_info {
    ft_sock sock;     /* -1: no descriptor (orphan, TIME-WAIT, embryo, not yet accepted) */
    uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    uint8_t state;    /* enum ft_tcp_state; for UDP ESTABLISHED (connected) or CLOSED */
    uint8_t family;   /* AF_INET or AF_INET6, as the socket was made */
    uint8_t ca_state; /* 0 open, 1 disorder, 2 reducing the window, 3 recovery, 4 loss (TCP_CA_*) */
    uint16_t local_port, remote_port;
    struct ft_addr local, remote;
    int ifindex;               /* bound to, or of a link-local address; else 0 */
    uint32_t recv_q;           /* octets to be read; passive: connections to be accepted */
    uint32_t send_q;           /* octets not acknowledged; passive: the backlog */
    uint32_t urgent_q;         /* octets to be read up to the urgent one and with it; 0: none */
    uint32_t mss;              /* octets of payload in a full segment */
    uint32_t cwnd;             /* octets */
    uint32_t ssthresh;         /* octets; UINT32_MAX: none yet */
    uint32_t snd_wnd, rcv_wnd; /* octets */
    uint32_t srtt_us, rttvar_us, rto_us;
    uint32_t ato_us;            /* how long an ACK may wait (delayed ACK); 0: no octets came yet */
    uint32_t min_rtt_us;        /* of the last minutes; 0: none yet */
    uint32_t retrans;           /* timeouts of the segment that is outstanding */
    uint64_t pacing_rate;       /* octets a second; UINT64_MAX: octets leave as they come */
    uint64_t delivery_rate;     /* octets a second, as last measured; 0: none yet */
    char congestion[FT_CC_MAX]; /* congestion control, as TCP_CONGESTION names it */
    uint64_t octets_sent, octets_retrans, octets_acked, octets_received;
    uint64_t segs_out, segs_in, segs_retrans;
    uint32_t delivered_ce; /* segments sent that the peer says were marked (ECN) */
    uint32_t received_ce;  /* segments that came with a mark */
    uint8_t ecn;           /* enum ft_ecn_is */
    bool ecn_seen;         /* a packet has come that was ECN-capable */
    /* With FT_ECN_IS_ACCURATE, octets by the ECN field that they came with: ECT(0), CE, ECT(1). */
    uint32_t ecn_delivered[3]; /* of ours, as the peer tells; 0 as long as it sends no options */
    uint32_t ecn_received[3];  /* of the peer's */
    /* Milliseconds since: octets left (0: none have); octets came in order, before any the
       handshake ended; the peer was heard. */
    uint32_t last_sent_ms, last_recv_ms, last_ack_ms;
    /* Segments under way: all, those of them that SACK told of or duplicates speak of, those that
       were taken for lost, whether or not they were sent again since, those that were sent again.
     */
    uint32_t unacked, sacked, lost, again;
    uint32_t delivered;  /* segments that the peer has said it has, the SYN among them */
    uint32_t reordering; /* segments that overtaking ones were ahead at most, at least 3 */
    uint32_t dsack_dups; /* segments that came twice, as the peer tells (RFC 2883) */
    uint32_t reord_seen; /* ACKs that told of reordering */
    uint32_t ooo_in;     /* segments that came ahead of a gap, at most 65,535 */
    uint32_t notsent;    /* octets that have never left */
    uint32_t data_segs_in, data_segs_out; /* segments that brought or carried octets */
    /* Milliseconds in which octets were queued or under way, and of these those in which more would
       have been sent but for the peer's window, or but for the size of the send buffer. */
    uint32_t busy_ms, window_limited_ms, buffer_limited_ms;
    uint32_t rto_ms;       /* milliseconds of repair after timeouts */
    uint16_t rto_episodes; /* such repairs */
    uint16_t total_rto;    /* retransmission timeouts so far, at most 65,535 */
    uint8_t fastopen_fail; /* octets went not with our SYN, or not for good: 1: no cookie was known;
                              2: the peer did not take them; 3: it did not answer the SYN at once */
    uint8_t backoff;       /* how often the timeout has doubled */
    uint16_t md5_keys;     /* of TCP MD5 that the connection has, and of TCP-AO; never the keys */
    uint16_t ao_keys;
    bool app_limited; /* delivery_rate is what the user gave, not what the path takes */
    void *user;       /* as given to ft_watch() */
};

enum ft_trace_kind {
    FT_TRACE_RX = 1,    /* a packet came in: ifindex, frame, verdict, sock */
    FT_TRACE_TX = 2,    /* a packet goes out: ifindex, frame, sock */
    FT_TRACE_STATE = 3, /* a connection changed state: sock, info, old_state */
    FT_TRACE_TIMER = 4, /* a timer of a connection fired: sock, timer */
};

struct ft_trace_event {
    uint8_t kind;                 /* enum ft_trace_kind */
    uint8_t verdict;              /* enum ft_verdict */
    uint8_t old_state, new_state; /* enum ft_tcp_state */
    const char *what;             /* a word on the event: the timer's name; NULL if none */
    int ifindex;
    ft_time at;
    ft_sock sock; /* -1 if none */
    uint16_t local_port, remote_port;
    struct ft_addr local, remote; /* of the connection or packet, if known */
    const struct ft_frame *frame; /* borrowed until the sink returns; NULL if none */
};

/* Called in the midst of the stack's work: it may look, and must not call the stack. */
struct ft_trace_sink {
    void (*event)(void *ctx, const struct ft_trace_event *event);
    void *ctx;
};

/**
 * List the sockets: passive, active, embryos, TIME-WAIT entries, datagram sockets.
 *
 * @ret_infos: up to @n are written
 * @cursor:    0 at first; then as the last call left it; 0 again when all have been told
 *
 * Return: how many were written. Sockets that come or go between calls may be missed or told twice.
 */
FT_PUBLIC size_t ft_sockets(const struct ft_stack *stack, struct ft_sock_info *ret_infos, size_t n,
                            uint32_t *cursor);

/**
 * One socket, by its descriptor.
 *
 * Return: 0; -EBADF.
 */
FT_PUBLIC int ft_sock_info(const struct ft_stack *stack, ft_sock sock,
                           struct ft_sock_info *ret_info);

/**
 * All counters and gauges as they stand.
 */
FT_PUBLIC void ft_counters(const struct ft_stack *stack, struct ft_counters *ret_counters);

/**
 * Tell a sink of every packet, state and timer; NULL ends it.
 *
 * @sink: copied
 */
FT_PUBLIC void ft_set_trace(struct ft_stack *stack, const struct ft_trace_sink *sink);

FT_END_DECLS

#endif
