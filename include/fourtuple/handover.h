/* SPDX-License-Identifier: MIT */
/*
 * A live connection leaves one stack and goes on in another: in another process, after an upgrade,
 * or on another machine that takes the address over. The four-tuple stays, and the peer notices
 * nothing but a pause.
 *
 * What goes along: both streams (octets that the user has not read, out of order too; octets that
 * are not sent or not acknowledged, and which of them the peer holds), every sequence number and
 * window, what was agreed on in the handshake, the clock of the timestamps, round-trip times,
 * congestion and loss state, what congestion control knows of the path, counters of marks (ECN),
 * keys (TCP-AO, TCP MD5), options of the socket, errors that were not told yet. The right edge
 * of the receive window never moves left and TSval never goes back (RFC 9293 SHLD-14, RFC
 * 7323 5.4).
 *
 * What stays behind: what a congestion control is in the midst of (it goes on as after a pause,
 * with what it keeps in one: CUBIC's curve, BBR's bandwidth and round trip), whether a loss may
 * have been a mistake, ft_watch(), what the path's MTU is known to be, SO_TIMESTAMPING and its like
 * with the times that are not read yet, and where records ended (MSG_EOR) in octets not
 * acknowledged.
 *
 * For the connection no time passes between the two calls. What the peer sends meanwhile is lost if
 * no stack gets it, which the peer repairs; a stack that has given a connection away answers what
 * comes for it with silence for a minute, so that no reset ends what goes on elsewhere.
 */
#ifndef FOURTUPLE_HANDOVER_H
#define FOURTUPLE_HANDOVER_H

#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* An exported connection is at most so much longer than the octets that its buffers hold. */
#define FT_EXPORT_HEAD_MAX 16384

/**
 * Write a connection down and take it out of the stack, silently: no segment is sent. Frames that
 * are out between ft_output() and ft_output_done() keep their memory.
 *
 * @sock:      an active socket in ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING or
 *             LAST-ACK; invalid from now on if the call succeeds
 * @ret_state: the caller's memory, for ft_import(); NULL asks for the length
 * @size:      octets of it
 *
 * Return: octets written; with @ret_state NULL octets that would be, and nothing has changed. Else
 * the connection stays whole where it is: -ENOBUFS: @size is too small, or no memory for a silent
 * entry in its place; -EBUSY: ft_peek() or ft_reserve() has pinned something; -EINPROGRESS: its
 * handshake is under way; -ENOTCONN: it is no connection, or not any more; -EOPNOTSUPP: a passive
 * or a datagram socket, or one with more than 32 keys; -EBADF.
 * The octets hold the streams and the keys in the clear: they are as secret as these. Wipe them,
 * and do not leave them on a disk.
 */
FT_PUBLIC ssize_t ft_export(struct ft_stack *stack, ft_sock sock, void *ret_state, size_t size);

/**
 * Let a connection go on that ft_export() wrote down. At the next ft_output() it asks the peer how
 * far it is; what the peer has missed goes again by the usual rules.
 *
 * @state: borrowed; nothing in it is believed before it is verified
 * @len:   octets of it
 *
 * Return: the socket, as it was but for ft_watch(); -EBADMSG: no such octets, or damaged ones;
 * -EPROTONOSUPPORT: of a version that is not known here; -EINVAL: well-formed, but no connection
 * can be so; -EADDRNOTAVAIL: its local address is none of this host; -EADDRINUSE: this stack has
 * the four-tuple; -ENODEV: it is bound to an interface that is not here; -ENOENT: its congestion
 * control, or the algorithm of a key, is not known here; -EOPNOTSUPP: it is signed, and this stack
 * has no primitives for that; -EMFILE: sockets_max; -ENOBUFS. Nothing has changed in these cases,
 * and the same octets may be tried again, here or in another stack.
 */
FT_PUBLIC ft_sock ft_import(struct ft_stack *stack, const void *state, size_t len);

FT_END_DECLS

#endif
