/* SPDX-License-Identifier: MIT */
/*
 * What the files of stack/ share.
 */
#ifndef STACK_PRIV_H
#define STACK_PRIV_H

#include "base/assert.h"
#include "stack/stack.h"

/** Whether a configuration is sensible. */
bool ft_config_ok(const struct ft_config *config);

/* What looking ahead has found out about a frame. */
struct stack_ahead {
    uint64_t hash; /* ft_table_hash() of its four-tuple */
    bool known;
};

/* Frames that are looked at before the first of them is worked on. */
#define STACK_AHEAD 16

/**
 * Guess the four-tuples of frames and let their connections come from memory (ahead.c).
 *
 * @n:   at most STACK_AHEAD
 * @ret: @n of them are written
 */
void ft_stack_look_ahead(const struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                         size_t n, struct stack_ahead *ret);

/*
 * The public calls themselves. entry.c and entry_sock.c do them by these, and record them if that
 * is wanted; what they take and return is in include/fourtuple.
 */

/** ft_input(), unrecorded. */
void ft_stack_input(struct ft_stack *stack, int ifindex, const struct ft_frame *frames, size_t n,
                    ft_time now);

/** ft_output(), unrecorded. */
size_t ft_stack_output(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n,
                       ft_time now);

/** ft_output_done(), unrecorded. */
void ft_stack_output_done(struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                          size_t n, size_t n_sent);

/** ft_socket(), unrecorded. */
ft_sock ft_stack_socket(struct ft_stack *stack, int domain, int type, int protocol);

/** ft_bind(), unrecorded. */
int ft_stack_bind(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr, socklen_t len);

/** ft_listen(), unrecorded. */
int ft_stack_listen(struct ft_stack *stack, ft_sock sock, int backlog);

/** ft_accept(), unrecorded. */
ft_sock ft_stack_accept(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr,
                        socklen_t *len);

/** ft_connect(), unrecorded. */
int ft_stack_connect(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr,
                     socklen_t len);

/** ft_shutdown(), unrecorded. */
int ft_stack_shutdown(struct ft_stack *stack, ft_sock sock, int how);

/** ft_close(), unrecorded. */
int ft_stack_close(struct ft_stack *stack, ft_sock sock);

/** ft_abort(), unrecorded. */
int ft_stack_abort(struct ft_stack *stack, ft_sock sock);

/** ft_sendmsg(), unrecorded. */
ssize_t ft_stack_sendmsg(struct ft_stack *stack, ft_sock sock, const struct msghdr *msg, int flags);

/** ft_recvmsg(), unrecorded. */
ssize_t ft_stack_recvmsg(struct ft_stack *stack, ft_sock sock, struct msghdr *msg, int flags);

/** ft_getsockopt(), unrecorded. */
int ft_stack_getsockopt(struct ft_stack *stack, ft_sock sock, int level, int name, void *ret_value,
                        socklen_t *len);

/** ft_setsockopt(), unrecorded. */
int ft_stack_setsockopt(struct ft_stack *stack, ft_sock sock, int level, int name,
                        const void *value, socklen_t len);

/** ft_peek(), unrecorded. */
ssize_t ft_stack_peek(struct ft_stack *stack, ft_sock sock, struct ft_span *ret_spans, size_t n);

/** ft_consume(), unrecorded. */
int ft_stack_consume(struct ft_stack *stack, ft_sock sock, size_t len);

/** ft_reserve(), unrecorded. */
ssize_t ft_stack_reserve(struct ft_stack *stack, ft_sock sock, size_t len,
                         struct ft_span *ret_spans, size_t n);

/** ft_tcp_reserved() by descriptor; 0 also for one that is no active socket. */
size_t ft_stack_reserved(const struct ft_stack *stack, ft_sock sock, size_t len,
                         struct ft_span *ret_spans, size_t n);

/** ft_commit(), unrecorded. */
int ft_stack_commit(struct ft_stack *stack, ft_sock sock, size_t len);

/** ft_unpin(), unrecorded. */
int ft_stack_unpin(struct ft_stack *stack, ft_sock sock);

/** ft_export(), unrecorded. */
ssize_t ft_stack_export(struct ft_stack *stack, ft_sock sock, void *ret_state, size_t size);

/** ft_import(), unrecorded. */
ft_sock ft_stack_import(struct ft_stack *stack, const void *state, size_t len);

/** ft_watch(), unrecorded. */
int ft_stack_watch(struct ft_stack *stack, ft_sock sock, uint32_t mask, void *user);

/** ft_events(), unrecorded. */
size_t ft_stack_events(struct ft_stack *stack, struct ft_event *ret_events, size_t n);

#endif
