/* SPDX-License-Identifier: MIT */
/*
 * The calls between the files of tcp/.
 */
#ifndef TCP_PRIV_H
#define TCP_PRIV_H

#include "tcb.h"

/* ---- tcb.c: making, ending, timers ----------------------------------------------------------- */

/** Make a TCB in CLOSED with no descriptor. @opts: copied. Return: it, or NULL. */
struct ft_tcb *ft_tcb_new(struct ft_tcp *tcp, const struct tcp_opts *opts);

/** Free a TCB wherever it is, sending nothing. */
void ft_tcb_free(struct ft_tcp *tcp, struct ft_tcb *tcb);

/**
 * End a connection: it leaves the table, drops what it had to send, and is CLOSED. Received octets
 * stay to be read. Freed if no descriptor holds it.
 *
 * @error: for SO_ERROR; 0: none
 */
void ft_tcb_kill(struct ft_tcp *tcp, struct ft_tcb *tcb, int error);

/** Take a connection out of the table and give its port back. */
void ft_tcb_leave_table(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Fill in the defaults of a new socket. */
void ft_tcp_opts_init(const struct ft_tcp *tcp, struct tcp_opts *opts, int domain);

/** Mark the connection ready to send. */
void ft_tcb_wake(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Arm the timer for the earliest deadline, if it is not armed for then or earlier. */
void ft_tcb_arm(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** When the retransmission timer is to fire: after the RTO, but no later than the user timeout. */
ft_time ft_tcb_rto_at(const struct ft_tcp *tcp, const struct ft_tcb *tcb);

/** Start the retransmission timer anew (RFC 6298 5.1, 5.3), or stop it when nothing is out. */
void ft_tcb_restart_rto(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** A connection that was made for a passive socket waits for accept() in its backlog. */
void ft_tcb_enter_backlog(struct ft_tcb *tcb, struct ft_listener *listener);

/** It waits no more: it was accepted, or is gone. It does wait. */
void ft_tcb_leave_backlog(struct ft_tcb *tcb);

/** The connection that has waited longest in a backlog; NULL: none does. */
struct ft_tcb *ft_tcb_first_waiting(const struct ft_listener *listener);

/** Start the keep-alive timer anew, if it is wanted in this state. */
void ft_tcb_restart_keepalive(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Recount whether the connection is an orphan with something unacknowledged. */
void ft_tcb_count_unfinished(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Make what few connections have, if it is not there. Return: it, or NULL. */
struct tcp_rare *ft_tcb_rare(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Make what carries octets under way, if it is not there. Return: 0; -ENOBUFS. */
int ft_tcb_make_busy(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Readiness has come true; see ft_ready_raise(). */
void ft_tcb_raise(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t bits);

/** Trace an event of a connection: its names are filled in. */
void ft_tcb_trace(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct ft_trace_event *event);

/** Assert the invariants of a TCB. @all: as for ft_sent_check(). */
void ft_tcb_check(const struct ft_tcb *tcb, bool all);

/* ---- timers.c -------------------------------------------------------------------------------- */

/** The peer is given up: ETIMEDOUT, or what ICMP said of the path. @reset: it is told. */
void ft_tcb_give_up(struct ft_tcp *tcp, struct ft_tcb *tcb, bool reset);

/* ---- state.c --------------------------------------------------------------------------------- */

/** Enter a state; asserts that the arrow exists, counts and traces it. */
void tcb_enter(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state);

/** A connection of another stack goes on here. @state: a synchronized one. */
void tcb_take_in(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state);

/** A connection goes on in another stack; here it is CLOSED. */
void tcb_give_away(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- isn.c ----------------------------------------------------------------------------------- */

/** The initial sequence number of a connection (RFC 6528). */
ft_seq ft_tcp_isn(const struct ft_tcp *tcp, const struct ft_conn *conn);

/** The timestamp offset of a connection (RFC 7323 5.4). */
uint32_t ft_tcp_ts_offset(const struct ft_tcp *tcp, const struct ft_conn *conn);

/** The IPv6 flow label of a connection, 20 bits (RFC 6437). */
uint32_t ft_tcp_flow_label(const struct ft_tcp *tcp, const struct ft_conn *conn);

/* ---- rtt.c ----------------------------------------------------------------------------------- */

/** Take a sample of the round-trip time (RFC 6298 2). */
void ft_tcp_rtt_sample(struct ft_tcb *tcb, ft_time rtt);

/** Take the sample of a handshake, which is the least round trip so far. */
void ft_tcp_rtt_handshake(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_time rtt);

/** The timeout that the round-trip time as known makes (RFC 6298 2). */
void ft_tcp_rto_compute(struct tcp_cold *cold);

/** The retransmission timeout with its present backoff. */
ft_time ft_tcp_rto(const struct ft_tcb *tcb, unsigned backoff);

/* ---- window.c -------------------------------------------------------------------------------- */

/** Octets that the window may be at most, with nothing to be read. */
uint32_t ft_tcp_rcv_max(const struct ft_tcb *tcb);

/** Octets of receive buffer that may be promised. */
uint32_t ft_tcp_rcv_space(const struct ft_tcb *tcb);

/** The shift to announce for a receive buffer (RFC 7323 2). */
uint8_t ft_tcp_wscale_for(const struct ft_tcp *tcp, const struct tcp_opts *opts);

/** The window field of a segment that leaves now; moves rcv_adv (RFC 9293 3.8.6.2.2). */
uint32_t ft_tcp_advertise(struct ft_tcb *tcb, bool syn);

/** The user has read: owe a window update if it is worth one. */
void ft_tcp_window_update(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Compute snd_mss for the path's MTU (RFC 9293 3.7.1). */
void ft_tcp_set_mss(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t mtu);

/** The MSS to announce on a path (MUST-67). */
uint16_t ft_tcp_mss_for(uint32_t mtu, bool v4);

/* ---- rcvbuf.c -------------------------------------------------------------------------------- */

/** Take the text of an acceptable segment (3.10.7.4, seventh). Return: what became of it. */
enum ft_verdict ft_tcp_text(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in);

/** Drop what arrived out of order. */
void ft_tcp_drop_gaps(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets @lo to @hi have come that were here already: an ACK of its own tells of it (RFC 2883). */
void ft_tcp_came_again(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo, ft_seq hi);

/** The first of what came again has been told. */
void ft_tcp_told_again(struct ft_tcb *tcb);

/** Write the SACK blocks of an ACK (RFC 2018 4, RFC 2883 4). */
void ft_tcp_sack_blocks(const struct ft_tcb *tcb, struct ft_tcp_seg *seg);

/* ---- ack.c ----------------------------------------------------------------------------------- */

/** Process an acceptable ACK (3.10.7.4, fifth). */
void ft_tcp_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in);

/** Give back what carries octets under way. */
void ft_tcb_drop_busy(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- input.c, reply.c ------------------------------------------------------------------------ */

/** Answer a segment by a reset (3.10.7.1); signed as it was. */
void ft_tcp_reset_reply(struct ft_tcp *tcp, const struct tcp_in *in);

/** Send a stackless segment. @seg: ports included; checksum is computed here. @opts: its TTL and
    Diffserv field; NULL: the defaults. @signer: NULL: it is not signed. */
void ft_tcp_send_bare(struct ft_tcp *tcp, const struct ft_conn *conn, const struct ft_tcp_seg *seg,
                      const struct tcp_opts *opts, const struct tcp_signer *signer);

/** ft_tcp_send_bare() for a connection, signed where it has a key. */
void ft_tcp_send_alone(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg);

/** Take what ft_tcp_send_bare() has queued of a SYN-ACK, and what no link has taken yet, back. */
void ft_tcp_cancel_synack(struct ft_tcp *tcp, const struct ft_conn *conn, ft_seq iss);

/** Send the reset of an abort (3.10.5): <SEQ=SND.NXT><CTL=RST>. */
void ft_tcp_send_reset(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Owe a challenge ACK, within the limit of the connection (RFC 5961 7). */
void ft_tcp_challenge(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The options of the peer's SYN count from now on. */
void ft_tcp_take_syn_options(struct ft_tcb *tcb, const struct ft_tcp_seg *seg, uint32_t now_s);

/** The connection is established: windows, buffers, readiness. */
void ft_tcp_established(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Enter TIME-WAIT: the entry takes the TCB's place in the table, the TCB is CLOSED. */
void ft_tcp_enter_time_wait(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- calls.c --------------------------------------------------------------------------------- */

/** What connect() answers on a socket that is not CLOSED, or has an error to tell. */
int ft_tcp_connect_answer(struct ft_tcb *tcb);

/** Active OPEN. @peer: "any" is written over. Return: -EINPROGRESS; another error. */
int ft_tcp_open(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_endpoint *peer);

/* ---- stream.c, info.c ------------------------------------------------------------------------ */

/** What a call that sends needs before octets are queued, by its flags. Return: 0; -ENOBUFS. */
int ft_tcp_before_write(struct ft_tcp *tcp, struct ft_tcb *tcb, int flags);

/** @total octets were queued, of those that the user gave. */
void ft_tcp_wrote(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                  size_t total, int flags);

/** Queue at most @most octets. Return: how many; -EAGAIN, -ENOBUFS: none. */
ssize_t ft_tcp_append(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                      size_t most);

/** Let go of pinned memory. */
void ft_tcp_pin_free(struct ft_tcp *tcp, struct tcp_pin *pin);

/** getsockopt(TCP_INFO): Linux's struct tcp_info. @tcb: NULL for a passive socket. */
int ft_tcp_linux_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb, void *ret,
                      socklen_t *len);

/* ---- spent.c: TCP_INFO's busy_time, rwnd_limited, sndbuf_limited and total_rto --------------- */

/** The user has queued octets: the connection is busy from now on, unless it is. busy is there. */
void ft_spent_begin(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** No more can leave now: note what sending waits for. @window: the peer's window; @dry: nothing is
    left to send, so it is the send buffer if the user was refused room */
void ft_spent_on(const struct ft_tcp *tcp, struct ft_tcb *tcb, bool window, bool dry);

/** There is room in the send buffer again, so it limits no more. */
void ft_spent_room(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Nothing is queued or under way any more, or never will be. */
void ft_spent_end(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Milliseconds on @what so far; for SPENT_BUSY: on all. */
uint32_t ft_spent_ms(const struct ft_tcp *tcp, const struct ft_tcb *tcb, enum tcp_spent what);

/** The retransmission timer has fired; retries is not counted up yet. */
void ft_spent_timeout(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** What followed a timeout is repaired. */
void ft_spent_repaired(const struct ft_tcp *tcp, struct ft_tcb *tcb);

#endif
