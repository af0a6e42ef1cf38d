/* SPDX-License-Identifier: MIT */
/*
 * The public socket calls: each is done by socket.c, and if a recording is under way, told to it
 * before and after. Calls that change nothing (names, readiness) are in socket.c alone.
 */
#include <netinet/in.h>

#include "priv.h"
#include "stack/record.h"

static int told(struct ft_record *record, int ret)
{
    ft_record_ret(record, ret, 0);
    return ret;
}

/* ---- life and names ----------------------------------------------------------------------------
 */

ft_sock ft_socket(struct ft_stack *stack, int domain, int type, int protocol)
{
    if (!stack->record)
        return ft_stack_socket(stack, domain, type, protocol);
    RECORD_CALL(stack->record, RECORD_SOCKET, NULL, 0, (uint64_t)domain, (uint64_t)type,
                (uint64_t)protocol);
    ft_sock ret = ft_stack_socket(stack, domain, type, protocol);
    ft_record_ret(stack->record, ret, 0);
    return ret;
}

static void record_name(struct ft_record *record, enum record_type type, ft_sock sock,
                        const struct sockaddr *addr, socklen_t len)
{
    size_t kept = addr ? FT_MIN(len, (socklen_t)RECORD_NAME_MAX) : 0;
    RECORD_CALL(record, type, addr, kept, (uint64_t)sock, len, addr != NULL);
}

int ft_bind(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr, socklen_t len)
{
    if (!stack->record)
        return ft_stack_bind(stack, sock, addr, len);
    record_name(stack->record, RECORD_BIND, sock, addr, len);
    return told(stack->record, ft_stack_bind(stack, sock, addr, len));
}

int ft_connect(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr, socklen_t len)
{
    if (!stack->record)
        return ft_stack_connect(stack, sock, addr, len);
    record_name(stack->record, RECORD_CONNECT, sock, addr, len);
    return told(stack->record, ft_stack_connect(stack, sock, addr, len));
}

int ft_listen(struct ft_stack *stack, ft_sock sock, int backlog)
{
    if (!stack->record)
        return ft_stack_listen(stack, sock, backlog);
    RECORD_CALL(stack->record, RECORD_LISTEN, NULL, 0, (uint64_t)sock, (uint64_t)backlog);
    return told(stack->record, ft_stack_listen(stack, sock, backlog));
}

ft_sock ft_accept(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr, socklen_t *len)
{
    if (!stack->record)
        return ft_stack_accept(stack, sock, ret_addr, len);
    socklen_t room = len ? *len : 0;
    RECORD_CALL(stack->record, RECORD_ACCEPT, NULL, 0, (uint64_t)sock, room, ret_addr && len);
    ft_sock ret = ft_stack_accept(stack, sock, ret_addr, len);
    bool wrote = ret >= 0 && ret_addr && len;
    ft_record_ret(stack->record, ret, wrote ? record_hash_value(ret_addr, room, *len) : 0);
    return ret;
}

int ft_shutdown(struct ft_stack *stack, ft_sock sock, int how)
{
    if (!stack->record)
        return ft_stack_shutdown(stack, sock, how);
    RECORD_CALL(stack->record, RECORD_SHUTDOWN, NULL, 0, (uint64_t)sock, (uint64_t)how);
    return told(stack->record, ft_stack_shutdown(stack, sock, how));
}

int ft_close(struct ft_stack *stack, ft_sock sock)
{
    if (!stack->record)
        return ft_stack_close(stack, sock);
    RECORD_CALL(stack->record, RECORD_CLOSE, NULL, 0, (uint64_t)sock);
    return told(stack->record, ft_stack_close(stack, sock));
}

int ft_abort(struct ft_stack *stack, ft_sock sock)
{
    if (!stack->record)
        return ft_stack_abort(stack, sock);
    RECORD_CALL(stack->record, RECORD_ABORT, NULL, 0, (uint64_t)sock);
    return told(stack->record, ft_stack_abort(stack, sock));
}

/* ---- messages ----------------------------------------------------------------------------------
 */

/* The lengths of the pieces of a message; what is beyond RECORD_IOV_MAX no call can take. */
static void put_pieces(struct ft_record *record, const struct msghdr *msg)
{
    uint64_t left = RECORD_IOV_MAX;
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        uint64_t len = FT_MIN((uint64_t)msg->msg_iov[i].iov_len, left);
        ft_record_put64(record, len);
        left -= len;
    }
}

static void record_sendmsg(struct ft_record *record, ft_sock sock, const struct msghdr *msg,
                           int flags)
{
    size_t name = msg->msg_name ? FT_MIN(msg->msg_namelen, (socklen_t)RECORD_NAME_MAX) : 0;
    size_t control = msg->msg_control ? msg->msg_controllen : 0;
    const uint64_t args[] = {(uint64_t)sock, (uint64_t)flags,
                             msg->msg_name ? msg->msg_namelen : RECORD_NULL,
                             msg->msg_control ? control : RECORD_NULL};
    ft_record_begin(record, RECORD_SENDMSG, args, FT_ARRAY_LEN(args),
                    name + control + 8 * msg->msg_iovlen);
    ft_record_put(record, msg->msg_name, name);
    ft_record_put(record, msg->msg_control, control);
    put_pieces(record, msg);
    ft_record_end(record, true);
}

/* The octets are written down once they are accepted: a full buffer may refuse most of them. */
static void record_sent(struct ft_record *record, const struct msghdr *msg, ssize_t ret)
{
    size_t left = ret > 0 ? (size_t)ret : 0;
    const uint64_t args[] = {(uint64_t)ret, 0};
    ft_record_begin(record, RECORD_RET, args, FT_ARRAY_LEN(args), left);
    for (size_t i = 0; i < msg->msg_iovlen && left > 0; i++) {
        size_t n = FT_MIN(left, msg->msg_iov[i].iov_len);
        ft_record_put(record, msg->msg_iov[i].iov_base, n);
        left -= n;
    }
    ft_assert(left == 0);
    ft_record_end(record, false);
}

ssize_t ft_sendmsg(struct ft_stack *stack, ft_sock sock, const struct msghdr *msg, int flags)
{
    if (!stack->record)
        return ft_stack_sendmsg(stack, sock, msg, flags);
    record_sendmsg(stack->record, sock, msg, flags);
    ssize_t ret = ft_stack_sendmsg(stack, sock, msg, flags);
    record_sent(stack->record, msg, ret);
    return ret;
}

ssize_t ft_send(struct ft_stack *stack, ft_sock sock, const void *data, size_t len, int flags)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    return ft_sendmsg(stack, sock, &msg, flags);
}

ssize_t ft_recvmsg(struct ft_stack *stack, ft_sock sock, struct msghdr *msg, int flags)
{
    if (!stack->record)
        return ft_stack_recvmsg(stack, sock, msg, flags);
    socklen_t name_len = msg->msg_namelen;
    const uint64_t args[] = {(uint64_t)sock, (uint64_t)flags,
                             msg->msg_name ? name_len : RECORD_NULL,
                             msg->msg_control ? msg->msg_controllen : RECORD_NULL};
    ft_record_begin(stack->record, RECORD_RECVMSG, args, FT_ARRAY_LEN(args), 8 * msg->msg_iovlen);
    put_pieces(stack->record, msg);
    ft_record_end(stack->record, true);
    ssize_t ret = ft_stack_recvmsg(stack, sock, msg, flags);
    ft_record_ret(stack->record, ret, ret >= 0 ? record_hash_msg(msg, name_len, (uint64_t)ret) : 0);
    return ret;
}

ssize_t ft_recv(struct ft_stack *stack, ft_sock sock, void *ret_data, size_t len, int flags)
{
    struct iovec iov = {.iov_base = ret_data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    return ft_recvmsg(stack, sock, &msg, flags);
}

/* ---- options -----------------------------------------------------------------------------------
 */

int ft_getsockopt(struct ft_stack *stack, ft_sock sock, int level, int name, void *ret_value,
                  socklen_t *len)
{
    if (!stack->record)
        return ft_stack_getsockopt(stack, sock, level, name, ret_value, len);
    socklen_t room = len ? *len : 0;
    /* What is asked for stands in the room for the answer, and in the recording. */
    bool asks = level == IPPROTO_TCP && name >= FT_TCP_AO_INFO && name <= FT_TCP_AO_GET_KEYS;
    size_t kept = asks && ret_value ? FT_MIN(room, (socklen_t)RECORD_OPT_MAX) : 0;
    RECORD_CALL(stack->record, RECORD_GETSOCKOPT, ret_value, kept, (uint64_t)sock, (uint64_t)level,
                (uint64_t)name, room, ret_value && len);
    int ret = ft_stack_getsockopt(stack, sock, level, name, ret_value, len);
    bool wrote = ret == 0 && ret_value && len;
    ft_record_ret(stack->record, ret, wrote ? record_hash_value(ret_value, room, *len) : 0);
    return ret;
}

int ft_setsockopt(struct ft_stack *stack, ft_sock sock, int level, int name, const void *value,
                  socklen_t len)
{
    if (!stack->record)
        return ft_stack_setsockopt(stack, sock, level, name, value, len);
    size_t kept = value ? FT_MIN(len, (socklen_t)RECORD_OPT_MAX) : 0;
    RECORD_CALL(stack->record, RECORD_SETSOCKOPT, value, kept, (uint64_t)sock, (uint64_t)level,
                (uint64_t)name, len, value != NULL);
    return told(stack->record, ft_stack_setsockopt(stack, sock, level, name, value, len));
}

/* ---- without copies ----------------------------------------------------------------------------
 */

ssize_t ft_peek(struct ft_stack *stack, ft_sock sock, struct ft_span *ret_spans, size_t n)
{
    if (!stack->record)
        return ft_stack_peek(stack, sock, ret_spans, n);
    RECORD_CALL(stack->record, RECORD_PEEK, NULL, 0, (uint64_t)sock, n);
    ssize_t ret = ft_stack_peek(stack, sock, ret_spans, n);
    ft_record_ret(stack->record, ret,
                  ret > 0 ? record_hash_spans(ret_spans, (size_t)ret, true) : 0);
    return ret;
}

int ft_consume(struct ft_stack *stack, ft_sock sock, size_t len)
{
    if (!stack->record)
        return ft_stack_consume(stack, sock, len);
    RECORD_CALL(stack->record, RECORD_CONSUME, NULL, 0, (uint64_t)sock, len);
    return told(stack->record, ft_stack_consume(stack, sock, len));
}

ssize_t ft_reserve(struct ft_stack *stack, ft_sock sock, size_t len, struct ft_span *ret_spans,
                   size_t n)
{
    if (!stack->record)
        return ft_stack_reserve(stack, sock, len, ret_spans, n);
    RECORD_CALL(stack->record, RECORD_RESERVE, NULL, 0, (uint64_t)sock, len, n);
    ssize_t ret = ft_stack_reserve(stack, sock, len, ret_spans, n);
    ft_record_ret(stack->record, ret,
                  ret > 0 ? record_hash_spans(ret_spans, (size_t)ret, false) : 0);
    return ret;
}

/* What the caller has written into the room is only now known. */
int ft_commit(struct ft_stack *stack, ft_sock sock, size_t len)
{
    struct ft_record *record = stack->record;
    if (!record)
        return ft_stack_commit(stack, sock, len);
    const uint64_t args[] = {(uint64_t)sock, len};
    struct ft_span spans[FT_SPANS_MAX];
    size_t n = ft_stack_reserved(stack, sock, len, spans, FT_SPANS_MAX), octets = 0;
    for (size_t i = 0; i < n; i++)
        octets += spans[i].len;
    ft_record_begin(record, RECORD_COMMIT, args, FT_ARRAY_LEN(args), octets);
    for (size_t i = 0; i < n; i++)
        ft_record_put(record, spans[i].data, spans[i].len);
    ft_record_end(record, true);
    return told(record, ft_stack_commit(stack, sock, len));
}

int ft_unpin(struct ft_stack *stack, ft_sock sock)
{
    if (!stack->record)
        return ft_stack_unpin(stack, sock);
    RECORD_CALL(stack->record, RECORD_UNPIN, NULL, 0, (uint64_t)sock);
    return told(stack->record, ft_stack_unpin(stack, sock));
}

/* ---- from stack to stack -----------------------------------------------------------------------
 */

ssize_t ft_export(struct ft_stack *stack, ft_sock sock, void *ret_state, size_t size)
{
    if (!stack->record)
        return ft_stack_export(stack, sock, ret_state, size);
    RECORD_CALL(stack->record, RECORD_EXPORT, NULL, 0, (uint64_t)sock, size, ret_state != NULL);
    ssize_t ret = ft_stack_export(stack, sock, ret_state, size);
    ft_record_ret(stack->record, ret, record_hash_export(ret_state, ret));
    return ret;
}

ft_sock ft_import(struct ft_stack *stack, const void *state, size_t len)
{
    if (!stack->record)
        return ft_stack_import(stack, state, len);
    RECORD_CALL(stack->record, RECORD_IMPORT, state, len, len);
    ft_sock ret = ft_stack_import(stack, state, len);
    ft_record_ret(stack->record, ret, 0);
    return ret;
}

/* ---- readiness ---------------------------------------------------------------------------------
 */

int ft_watch(struct ft_stack *stack, ft_sock sock, uint32_t mask, void *user)
{
    if (!stack->record)
        return ft_stack_watch(stack, sock, mask, user);
    RECORD_CALL(stack->record, RECORD_WATCH, NULL, 0, (uint64_t)sock, mask, (uintptr_t)user);
    return told(stack->record, ft_stack_watch(stack, sock, mask, user));
}

size_t ft_events(struct ft_stack *stack, struct ft_event *ret_events, size_t n)
{
    if (!stack->record)
        return ft_stack_events(stack, ret_events, n);
    RECORD_CALL(stack->record, RECORD_EVENTS, NULL, 0, n);
    size_t got = ft_stack_events(stack, ret_events, n);
    ft_record_ret(stack->record, (int64_t)got, record_hash_events(ret_events, got));
    return got;
}
