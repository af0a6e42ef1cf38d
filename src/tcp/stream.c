/* SPDX-License-Identifier: MIT */
/*
 * Moving octets between the user and the rings: SEND and RECEIVE (RFC 9293 3.10.2, 3.10.3), with
 * and without a copy, and readiness.
 */
#include "priv.h"
#include "sock/cmsg.h"

/* The error of the socket, once, or what a call answers without one. */
static int error_or(struct ft_tcb *tcb, int otherwise)
{
    int err = tcb->cold->error;
    tcb->cold->error = 0;
    return err ? -err : otherwise;
}

static bool was_connected(const struct ft_tcb *tcb)
{
    return tcb_state(tcb) != FT_TCP_CLOSED || (tcb->flags & TCB_DONE);
}

/* ---- 3.10.2 SEND ----------------------------------------------------------------------------- */

/* Return: 0 when octets may be queued now. */
static int may_send(struct ft_tcb *tcb)
{
    enum ft_tcp_state state = tcb_state(tcb);
    if (tcb->cold->error || (tcb->flags & TCB_SND_SHUT))
        return error_or(tcb, -EPIPE);
    if (state == FT_TCP_CLOSED)
        return -EPIPE; /* as Linux answers on a stream that was never connected */
    if (tcb->pin && tcb->pin->writing)
        return -EBUSY;
    if (!tcb_synchronized(tcb) && !tcb_early(tcb))
        return -EAGAIN;
    return 0;
}

static void queued(struct ft_tcp *tcp, struct ft_tcb *tcb, int flags)
{
    if (flags & MSG_OOB) { /* MUST-30 */
        tcb->snd_up = tcb_snd_end(tcb);
        tcb->flags |= TCB_URG_OUT;
    }
    if (flags & MSG_MORE)
        tcb->flags |= TCB_MORE;
    else
        tcb->flags &= ~(uint32_t)TCB_MORE;
    ft_spent_begin(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
}

/* Memory was refused. What is queued makes room when it is acknowledged, and wakes the user; with
   nothing queued there is nothing to wait for. */
static int starve(struct ft_tcb *tcb, int err)
{
    if (err != -ENOBUFS || ft_ring_len(&tcb->snd) == 0)
        return err;
    tcb->flags |= TCB_STARVED;
    return -EAGAIN;
}

/* TCP_NOTSENT_LOWAT: octets that wait although the windows would let them go are not counted: they
   leave at the next ft_output(), as they would on Linux within the call. */
static bool enough_unsent(const struct ft_tcb *tcb)
{
    uint32_t lowat = tcb->cold->opts.notsent_lowat;
    uint32_t unsent = (uint32_t)seq_diff(tcb_snd_end(tcb), tcb->snd_nxt);
    uint32_t flight = tcb_flight(tcb);
    uint32_t pipe = tcb_pipe(tcb);
    uint32_t room = FT_MIN(tcb->snd_wnd > flight ? tcb->snd_wnd - flight : 0,
                           tcb->cwnd > pipe ? tcb->cwnd - pipe : 0);
    return lowat != 0 && unsent > room && unsent - room >= lowat;
}

/* Append @n octets. Where there is no memory for so many, but perhaps for the little that is kept
   for those who have nothing, that much. Return: octets appended; -ENOBUFS. */
static ssize_t append(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint8_t *data, size_t n,
                      bool gained)
{
    bool holds = ft_ring_len(&tcb->snd) > 0;
    if (holds && !gained && tcp_short_of_memory(tcp))
        return -ENOBUFS;
    int err = ft_ring_append(&tcb->snd, &tcp->env->chunks, data, n);
    if (err && !holds && n > FT_CHUNK_SMALL) {
        n = FT_CHUNK_SMALL;
        err = ft_ring_append(&tcb->snd, &tcp->env->chunks, data, n);
    }
    return err ? err : (ssize_t)n;
}

ssize_t ft_tcp_append(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                      size_t most)
{
    size_t total = 0;
    size_t wanted = 0;
    int err = 0;
    bool gained = ft_misers_give_way(tcp, tcb);
    for (size_t i = 0; i < n_iov && !err; i++) {
        size_t at = 0;
        wanted += iov[i].iov_len;
        while (at < iov[i].iov_len && !err) {
            size_t n = FT_MIN(iov[i].iov_len - at, (size_t)tcb_send_room(tcb));
            n = FT_MIN(n, (size_t)FT_CHUNK_SIZE); /* a refusal of memory loses no more than this */
            n = FT_MIN(n, most - total);
            if (n == 0 || enough_unsent(tcb)) {
                tcb->busy->full = tcb_send_room(tcb) == 0;
                err = -EAGAIN;
                break;
            }
            ssize_t got = append(tcp, tcb, (const uint8_t *)iov[i].iov_base + at, n, gained);
            err = got < 0 ? (int)got : 0;
            at += err ? 0 : (size_t)got;
            total += err ? 0 : (size_t)got;
        }
    }
    tcp->env->counters.steps_octets_copied += total;
    err = starve(tcb, err);
    return total == 0 && wanted > 0 ? err : (ssize_t)total;
}

static size_t octets_of(const struct iovec *iov, size_t n_iov)
{
    size_t octets = 0;
    for (size_t i = 0; i < n_iov; i++)
        octets += iov[i].iov_len;
    return octets;
}

/* What is to be marked at the end of what a call queues; enum tcp_mark_flag. */
static uint32_t marks_of(const struct ft_tcb *tcb, int flags)
{
    uint32_t stamping = tcb->cold->opts.stamping;
    return ((flags & MSG_EOR) ? MARK_EOR : 0u) |
           ((stamping & FT_STAMP_TX_SCHED) ? MARK_SCHED : 0u) |
           ((stamping & FT_STAMP_TX_SOFTWARE) ? MARK_SND : 0u) |
           ((stamping & FT_STAMP_TX_ACK) ? MARK_ACK : 0u);
}

int ft_tcp_before_write(struct ft_tcp *tcp, struct ft_tcb *tcb, int flags)
{
    bool copies = (flags & MSG_ZEROCOPY) && (tcb->cold->opts.flags & OPT_ZEROCOPY);
    bool times = tcb->cold->opts.stamping & FT_STAMP_TX;
    int err = copies || times ? ft_notes_make(tcp, tcb) : 0;
    if (!err && marks_of(tcb, flags))
        err = ft_marks_reserve(tcp, tcb);
    return err;
}

/* A record that was not taken whole goes on with the next call, as on Linux; times are told of what
   was taken. */
void ft_tcp_wrote(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                  size_t total, int flags)
{
    bool whole = total == octets_of(iov, n_iov);
    uint32_t marks = marks_of(tcb, whole ? flags : flags & ~MSG_EOR);
    if (marks)
        ft_marks_add(tcb, marks);
    if (flags & MSG_ZEROCOPY)
        ft_notes_copied(tcp, tcb);
}

ssize_t ft_tcp_send(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                    int flags)
{
    if (ft_tfo_deferred(tcb) && !tcb->cold->error)
        return ft_tfo_begin(tcp, tcb, iov, n_iov, flags);
    int err = may_send(tcb);
    if (!err)
        err = ft_tcb_make_busy(tcp, tcb);
    if (!err)
        err = starve(tcb, ft_tcp_before_write(tcp, tcb, flags));
    if (err)
        return err;
    ft_rate_before_write(tcb);
    ssize_t total = ft_tcp_append(tcp, tcb, iov, n_iov, SIZE_MAX);
    if (total > 0) {
        queued(tcp, tcb, flags);
        ft_tcp_wrote(tcp, tcb, iov, n_iov, (size_t)total, flags);
    }
    return total;
}

/* ---- 3.10.3 RECEIVE -------------------------------------------------------------------------- */

/* What a read answers when the ring is empty. */
static int nothing_to_read(struct ft_tcb *tcb)
{
    if (ft_tfo_deferred(tcb))
        return -EAGAIN;
    if (!was_connected(tcb))
        return error_or(tcb, -ENOTCONN);
    /* As on Linux: what the peer has closed in order stays an end of file though a reset followed;
       the error is for those who send, and for SO_ERROR. */
    if (tcb->flags & TCB_FIN_RECEIVED)
        return 0;
    if (tcb->cold->error)
        return error_or(tcb, 0);
    if (tcb->flags & TCB_RCV_SHUT)
        return 0;
    return -EAGAIN;
}

/* MUST-33; the urgent octet also stays in the stream. */
static ssize_t recv_urgent(const struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov)
{
    if (!(tcb->flags & TCB_URG_IN))
        return -EINVAL;
    int32_t ahead = seq_diff(tcb->rcv_up, tcb_rcv_end(tcb));
    uint32_t len = ft_ring_len(&tcb->rcv);
    if (ahead > 0)
        return -EAGAIN;
    uint32_t back = (uint32_t)(1 - ahead);
    if (back > len)
        return -EINVAL; /* it has been read in its place */
    for (size_t i = 0; i < n_iov; i++) {
        if (iov[i].iov_len == 0)
            continue;
        ft_ring_read(&tcb->rcv, len - back, iov[i].iov_base, 1);
        return 1;
    }
    return 0;
}

/* @len octets have been taken off the stream. */
static void took(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t len)
{
    ft_ring_consume(&tcb->rcv, &tcp->env->chunks, len);
    if ((tcb->flags & TCB_URG_IN) && seq_ge(tcb_read_to(tcb), tcb->rcv_up))
        tcb->flags &= ~(uint32_t)TCB_URG_IN;
    ft_tune_read(tcp, tcb);
    ft_tcp_window_update(tcp, tcb);
    ft_delack_read(tcp, tcb);
}

ssize_t ft_tcp_recvmsg(struct ft_tcp *tcp, struct ft_tcb *tcb, struct msghdr *msg, int flags)
{
    if (flags & MSG_ERRQUEUE)
        return ft_notes_recv(tcp, tcb, msg);
    ssize_t got = ft_tcp_recv(tcp, tcb, msg->msg_iov, msg->msg_iovlen, flags);
    if (got < 0)
        return got;
    msg->msg_namelen = 0;
    msg->msg_flags = (flags & MSG_OOB) ? MSG_OOB : 0;
    ft_seq end = tcb_read_to(tcb);
    ft_notes_control(tcp, tcb, (flags & MSG_PEEK) ? seq_add(end, (uint32_t)got) : end, msg);
    return got;
}

ssize_t ft_tcp_recv(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                    int flags)
{
    if (flags & MSG_OOB)
        return was_connected(tcb) ? recv_urgent(tcb, iov, n_iov) : -ENOTCONN;
    if (tcb->pin && !tcb->pin->writing)
        return -EBUSY;
    uint32_t have = ft_ring_len(&tcb->rcv);
    if (have == 0)
        return nothing_to_read(tcb);
    uint32_t at = 0;
    for (size_t i = 0; i < n_iov && at < have; i++) {
        size_t n = FT_MIN(iov[i].iov_len, (size_t)(have - at));
        if (!(flags & MSG_TRUNC)) /* TCP: the octets are thrown away */
            ft_ring_read(&tcb->rcv, at, iov[i].iov_base, n);
        at += (uint32_t)n;
    }
    tcp->env->counters.steps_octets_copied += at;
    if (!(flags & MSG_PEEK) && at > 0)
        took(tcp, tcb, at);
    return (ssize_t)at;
}

/* ---- without a copy -------------------------------------------------------------------------- */

static struct tcp_pin *new_pin(struct ft_tcp *tcp, struct ft_tcb *tcb, bool writing)
{
    struct tcp_pin *pin = ft_pool_get(&tcp->pins);
    if (!pin)
        return NULL;
    pin->writing = writing;
    pin->index = tcb->slot;
    tcb->pin = pin;
    return pin;
}

void ft_tcp_pin_free(struct ft_tcp *tcp, struct tcp_pin *pin)
{
    for (uint32_t i = 0; i < pin->n_chunks; i++)
        ft_chunk_put(&tcp->env->chunks, pin->chunks[i]);
    ft_pool_put(&tcp->pins, pin);
}

ssize_t ft_tcp_peek(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_span *ret_spans, size_t n)
{
    if (tcb->pin)
        return -EBUSY;
    uint32_t have = ft_ring_len(&tcb->rcv);
    if (have == 0)
        return nothing_to_read(tcb);
    struct tcp_pin *pin = new_pin(tcp, tcb, false);
    if (!pin)
        return -ENOBUFS;
    size_t most = FT_MIN(n, (size_t)FT_SPANS_MAX);
    size_t got = ft_ring_spans(&tcb->rcv, 0, have, ret_spans, pin->chunks, most);
    pin->n_chunks = (uint32_t)got;
    for (size_t i = 0; i < got; i++) {
        ft_chunk_ref(pin->chunks[i]);
        pin->len += (uint32_t)ret_spans[i].len;
    }
    return (ssize_t)got;
}

int ft_tcp_consume(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len)
{
    if (!tcb->pin || tcb->pin->writing || len > tcb->pin->len)
        return -EINVAL;
    ft_tcp_pin_free(tcp, tcb->pin);
    tcb->pin = NULL;
    took(tcp, tcb, (uint32_t)len);
    return 0;
}

ssize_t ft_tcp_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len,
                       struct ft_span *ret_spans, size_t n)
{
    if (tcb->pin)
        return -EBUSY;
    int err = may_send(tcb);
    if (!err)
        err = ft_tcb_make_busy(tcp, tcb);
    if (err)
        return err;
    size_t most = FT_MIN(n, (size_t)FT_SPANS_MAX);
    /* The room may begin and end within a chunk: one span more than whole chunks. */
    size_t room = FT_MIN(len, (size_t)tcb_send_room(tcb));
    room = FT_MIN(room, most > 1 ? (most - 1) * FT_CHUNK_SIZE : 0);
    if (room == 0)
        return -EAGAIN;
    bool gained = ft_misers_give_way(tcp, tcb);
    if (ft_ring_len(&tcb->snd) > 0 && !gained && tcp_short_of_memory(tcp))
        return starve(tcb, -ENOBUFS);
    struct tcp_pin *pin = new_pin(tcp, tcb, true);
    if (!pin)
        return -ENOBUFS;
    int got = ft_ring_reserve(&tcb->snd, &tcp->env->chunks, ft_ring_len(&tcb->snd), room, ret_spans,
                              most);
    if (got < 0) {
        ft_tcp_pin_free(tcp, pin);
        tcb->pin = NULL;
        return starve(tcb, got);
    }
    /* A reference to each chunk: the ring may go before the user is done with the room. */
    pin->n_chunks = (uint32_t)ft_ring_spans(&tcb->snd, ft_ring_len(&tcb->snd), room, ret_spans,
                                            pin->chunks, (size_t)got);
    ft_assert(pin->n_chunks == (uint32_t)got);
    for (int i = 0; i < got; i++) {
        ft_chunk_ref(pin->chunks[i]);
        pin->len += (uint32_t)ret_spans[i].len;
    }
    return got;
}

size_t ft_tcp_reserved(const struct ft_tcb *tcb, size_t len, struct ft_span *ret_spans, size_t n)
{
    if (!tcb->pin || !tcb->pin->writing || len == 0 || len > tcb->pin->len)
        return 0;
    if (tcb_state(tcb) == FT_TCP_CLOSED || (tcb->flags & TCB_SND_SHUT))
        return 0;
    return ft_ring_spans(&tcb->snd, ft_ring_len(&tcb->snd), len, ret_spans, NULL, n);
}

int ft_tcp_commit(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len)
{
    if (!tcb->pin || !tcb->pin->writing || len > tcb->pin->len)
        return -EINVAL;
    ft_tcp_pin_free(tcp, tcb->pin);
    tcb->pin = NULL;
    if (tcb_state(tcb) == FT_TCP_CLOSED || (tcb->flags & TCB_SND_SHUT))
        return error_or(tcb, -EPIPE);
    if (len == 0)
        return 0;
    ft_rate_before_write(tcb);
    ft_ring_extend(&tcb->snd, (uint32_t)len);
    queued(tcp, tcb, 0);
    return 0;
}

int ft_tcp_unpin(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->pin)
        return -EBADF;
    ft_tcp_pin_free(tcp, tcb->pin);
    tcb->pin = NULL;
    return 0;
}

/* ---- readiness ------------------------------------------------------------------------------- */

/* Linux's tcp_poll(), condition by condition. */
uint32_t ft_tcp_ready(const struct ft_tcb *tcb)
{
    enum ft_tcp_state state = tcb_state(tcb);
    uint32_t flags = tcb->flags;
    uint32_t mask = 0;
    bool rcv_shut = flags & (TCB_RCV_SHUT | TCB_FIN_RECEIVED);
    if (((flags & TCB_SND_SHUT) && rcv_shut) || state == FT_TCP_CLOSED)
        mask |= FT_HANGUP;
    if (rcv_shut)
        mask |= FT_READABLE | FT_RDHUP;
    if (tcb->cold->error || ft_notes_wait(tcb))
        mask |= FT_ERROR;
    if (ft_tfo_deferred(tcb))
        return tcb->cold->error ? FT_WRITABLE | FT_ERROR : FT_WRITABLE;
    if ((state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED) && !tcb_early(tcb))
        return mask;
    if (ft_ring_len(&tcb->rcv) >= tcb->cold->opts.rcv_lowat)
        mask |= FT_READABLE;
    uint32_t unsent = (uint32_t)seq_diff(tcb_snd_end(tcb), tcb->snd_nxt);
    if ((flags & TCB_SND_SHUT) || state == FT_TCP_CLOSED)
        mask |= FT_WRITABLE;
    else if (!(flags & TCB_STARVED) && tcb_send_room(tcb) >= tcb->cold->opts.snd_buf / 6 &&
             (!tcb->cold->opts.notsent_lowat ||
              2 * (uint64_t)unsent < tcb->cold->opts.notsent_lowat))
        mask |= FT_WRITABLE;
    if (flags & TCB_URG_IN)
        mask |= FT_URGENT;
    return mask;
}

uint32_t ft_tcp_listener_ready(const struct ft_listener *listener)
{
    return list_empty(&listener->backlog) ? 0 : FT_READABLE;
}
