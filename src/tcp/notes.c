/* SPDX-License-Identifier: MIT */
/*
 * What recvmsg() tells besides octets: how many wait (TCP_INQ), when they came (SO_TIMESTAMP and
 * its like), and the error queue with the notifications of MSG_ZEROCOPY and the times of
 * SO_TIMESTAMPING. Octets are copied here whatever the user asks for, so his buffer is free at once
 * and the notification says "copied"; as on Linux the calls are numbered, and notifications of
 * calls in a row are told as one. RFC 9293 knows nothing of either.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "priv.h"
#include "sock/cmsg.h"

#define CM_INQ        TCP_INQ /* TCP_CM_INQ */
#define ORIGIN_TIMES  4       /* SO_EE_ORIGIN_TIMESTAMPING */
#define ORIGIN_COPY   5       /* SO_EE_ORIGIN_ZEROCOPY */
#define CODE_COPIED   1       /* SO_EE_CODE_ZEROCOPY_COPIED */
#define OFFENDER_MAX  28      /* octets of the address behind it, which is empty */
#define EXTENDED_ERR  16      /* octets of struct sock_extended_err */
#define OFFENDER4_LEN 16

/* Linux's struct sock_extended_err and room for an address. */
struct notification {
    uint32_t error;
    uint8_t origin, type, code, pad;
    uint32_t info, data;
    uint8_t offender[OFFENDER_MAX];
};

static_assert(offsetof(struct notification, offender) == EXTENDED_ERR, "as Linux has it");

/* ---- life ------------------------------------------------------------------------------------ */

int ft_notes_make(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rare *rare = ft_tcb_rare(tcp, tcb);
    if (rare && !rare->notes)
        rare->notes = ft_mem_alloc(&tcp->env->mem, sizeof *rare->notes);
    return rare && rare->notes ? 0 : -ENOBUFS;
}

void ft_notes_drop(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    if (!notes)
        return;
    ft_mem_free(&tcp->env->mem, notes, sizeof *notes);
    tcb->cold->rare->notes = NULL;
}

void ft_notes_begin(struct ft_tcb *tcb)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    if (!notes)
        return;
    notes->base = seq_add(tcb->iss, 1);
    notes->n_arrived = 0;
}

/* SOF_TIMESTAMPING_OPT_ID counts octets of a conversation, so there must be one, as on Linux. */
int ft_notes_set(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t *stamping, int name, int v)
{
    uint32_t wanted = *stamping;
    int err = ft_stamping_set(&wanted, name, v);
    bool numbers = !err && (wanted & ~*stamping & FT_STAMP_OPT_ID);
    if (numbers && (!tcb || tcb_state(tcb) == FT_TCP_CLOSED))
        err = -EINVAL;
    if (!err && tcb && wanted)
        err = ft_notes_make(tcp, tcb);
    if (err)
        return err;
    if (numbers)
        tcb_notes(tcb)->base = (wanted & FT_STAMP_OPT_ID_TCP) ? tcb_snd_end(tcb) : tcb->snd_una;
    *stamping = wanted;
    return 0;
}

/* ---- when octets came ------------------------------------------------------------------------ */

static struct tcp_arrival *arrival_at(struct tcp_notes *notes, uint32_t i)
{
    return &notes->arrivals[(notes->arrived_head + i) % ARRIVALS_MAX];
}

/* Those go whose octets are all read. */
static void forget_read(struct ft_tcb *tcb)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    while (notes->n_arrived > 0 && seq_le(arrival_at(notes, 0)->end, tcb_read_to(tcb))) {
        notes->arrived_head++;
        notes->n_arrived--;
    }
}

/* Octets that waited beyond a gap count as come when the gap is closed. A passive socket hands the
   option on; what is kept for it is made when the first octets come. */
void ft_notes_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!(tcb->cold->opts.stamping & FT_STAMP_RX) || ft_notes_make(tcp, tcb))
        return;
    struct tcp_notes *notes = tcb_notes(tcb);
    forget_read(tcb);
    notes->n_arrived += notes->n_arrived < ARRIVALS_MAX ? 1 : 0;
    *arrival_at(notes, notes->n_arrived - 1) =
        (struct tcp_arrival){.at = tcp->env->now, .end = tcb_rcv_end(tcb)};
}

static void put_arrival(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq end,
                        struct ft_control *control)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    for (uint32_t i = 0; i < notes->n_arrived; i++) {
        if (seq_lt(arrival_at(notes, i)->end, end))
            continue;
        ft_control_put_times(control, tcb->cold->opts.stamping,
                             arrival_at(notes, i)->at + tcp->env->config.wall_offset);
        break;
    }
    forget_read(tcb);
}

void ft_notes_control(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq end, struct msghdr *msg)
{
    struct ft_control control = ft_control_begin(msg);
    int inq = (int)ft_ring_len(&tcb->rcv) + ((tcb->flags & TCB_FIN_RECEIVED) ? 1 : 0);
    if (tcb_notes(tcb) && (tcb->cold->opts.stamping & FT_STAMP_RX))
        put_arrival(tcp, tcb, end, &control);
    if (tcb->cold->opts.flags & OPT_INQ)
        ft_control_put(&control, IPPROTO_TCP, CM_INQ, &inq, sizeof inq);
    ft_control_end(&control);
}

/* ---- the error queue ------------------------------------------------------------------------- */

bool ft_notes_wait(const struct ft_tcb *tcb)
{
    const struct tcp_notes *notes = tcb_notes(tcb);
    return notes && (notes->n > 0 || notes->copies_told != notes->copies);
}

void ft_notes_copied(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!(tcb->cold->opts.flags & OPT_ZEROCOPY))
        return;
    tcb_notes(tcb)->copies++;
    ft_tcb_raise(tcp, tcb, FT_ERROR);
}

void ft_notes_add(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_note_kind kind, ft_seq end)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    if (!notes || notes->n == NOTES_MAX) {
        tcp->env->counters.tcp_stamps_dropped++;
        return;
    }
    bool numbers = tcb->cold->opts.stamping & FT_STAMP_OPT_ID;
    notes->ring[(notes->head + notes->n) % NOTES_MAX] = (struct tcp_note){
        .at = tcp->env->now,
        .kind = kind,
        .key = numbers ? (uint32_t)seq_diff(end, notes->base) - 1 : 0,
    };
    notes->n++;
    ft_tcb_raise(tcp, tcb, FT_ERROR);
}

static void put_error(const struct ft_tcb *tcb, struct ft_control *control,
                      const struct notification *note)
{
    bool ipv6 = tcb->cold->opts.flags & OPT_IPV6;
    ft_control_put(control, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVERR : IP_RECVERR,
                   note, EXTENDED_ERR + (ipv6 ? OFFENDER_MAX : OFFENDER4_LEN));
}

/* No packet is kept, so none is handed back; it is cut off whole where Linux would have it. */
static void tell_time(const struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_control *control)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    const struct tcp_note *note = &notes->ring[notes->head % NOTES_MAX];
    struct notification told = {
        .error = ENOMSG, .origin = ORIGIN_TIMES, .info = note->kind, .data = note->key};
    if (!(tcb->cold->opts.stamping & FT_STAMP_OPT_TSONLY))
        control->msg->msg_flags |= MSG_TRUNC;
    if (tcb->cold->opts.stamping & FT_STAMP_SOFTWARE)
        ft_control_put_stamp(control, note->at + tcp->env->config.wall_offset);
    put_error(tcb, control, &told);
    notes->head++;
    notes->n--;
}

static void tell_copies(struct ft_tcb *tcb, struct ft_control *control)
{
    struct tcp_notes *notes = tcb_notes(tcb);
    struct notification told = {
        .origin = ORIGIN_COPY,
        .code = CODE_COPIED,
        .info = notes->copies_told,
        .data = notes->copies - 1,
    };
    notes->copies_told = notes->copies;
    put_error(tcb, control, &told);
}

ssize_t ft_notes_recv(const struct ft_tcp *tcp, struct ft_tcb *tcb, struct msghdr *msg)
{
    struct ft_control control = ft_control_begin(msg);
    if (!ft_notes_wait(tcb))
        return -EAGAIN;
    msg->msg_flags = MSG_ERRQUEUE;
    msg->msg_namelen = 0;
    if (tcb_notes(tcb)->copies_told != tcb_notes(tcb)->copies)
        tell_copies(tcb, &control);
    else
        tell_time(tcp, tcb, &control);
    ft_control_end(&control);
    return 0;
}
