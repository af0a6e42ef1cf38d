/* SPDX-License-Identifier: MIT */
/*
 * The socket calls: find what a descriptor stands for, and hand the call to TCP or UDP. What a
 * passive socket refuses is refused here. The public calls that change something are in
 * entry_sock.c.
 */
#include <errno.h>
#include <netinet/in.h>

#include "priv.h"

struct sock_ref {
    enum ft_sock_kind kind;
    union {
        void *obj;
        struct ft_tcb *tcb;
        struct ft_listener *listener;
        struct ft_udp_sock *udp;
    };
};

/* Return: 0; -EBADF. */
static int find(const struct ft_stack *stack, ft_sock sock, struct sock_ref *ret)
{
    ret->obj = ft_slot_find(&stack->slots, sock, &ret->kind);
    if (!ret->obj || ret->kind == FT_KIND_CLOSED || ret->kind == FT_KIND_NONE)
        return -EBADF;
    return 0;
}

/* A stream that is not passive. @passive: what a passive one answers. */
static int find_tcb(const struct ft_stack *stack, ft_sock sock, int passive, struct ft_tcb **ret)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_LISTENER)
        return passive;
    if (ref.kind != FT_KIND_TCB)
        return -EOPNOTSUPP;
    *ret = ref.tcb;
    return 0;
}

ft_sock ft_stack_socket(struct ft_stack *stack, int domain, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    if (kind == SOCK_STREAM)
        return protocol == 0 || protocol == IPPROTO_TCP ? ft_tcp_socket(&stack->tcp, domain)
                                                        : -EPROTONOSUPPORT;
    if (kind == SOCK_DGRAM)
        return protocol == 0 || protocol == IPPROTO_UDP
                   ? ft_udp_new_sock(&stack->udp, domain == AF_INET6)
                   : -EPROTONOSUPPORT;
    return -ESOCKTNOSUPPORT;
}

int ft_stack_bind(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr, socklen_t len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_LISTENER)
        return -EINVAL;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_bind(&stack->udp, ref.udp, addr, len);
    return ft_tcp_bind(&stack->tcp, ref.tcb, addr, len);
}

int ft_stack_listen(struct ft_stack *stack, ft_sock sock, int backlog)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return -EOPNOTSUPP;
    if (ref.kind == FT_KIND_LISTENER)
        return ft_tcp_listen_again(ref.listener, backlog);
    return ft_tcp_listen(&stack->tcp, ref.tcb, backlog);
}

ft_sock ft_stack_accept(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr,
                        socklen_t *len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return -EOPNOTSUPP;
    if (ref.kind != FT_KIND_LISTENER)
        return -EINVAL;
    return ft_tcp_accept(&stack->tcp, ref.listener, ret_addr, len);
}

int ft_stack_connect(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr,
                     socklen_t len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_LISTENER)
        return -EISCONN; /* as Linux */
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_connect(&stack->udp, ref.udp, addr, len);
    return ft_tcp_connect(&stack->tcp, ref.tcb, addr, len);
}

int ft_stack_shutdown(struct ft_stack *stack, ft_sock sock, int how)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_shutdown(&stack->udp, ref.udp, how);
    if (ref.kind == FT_KIND_TCB)
        return ft_tcp_shutdown(&stack->tcp, ref.tcb, how);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (how == SHUT_WR)
        return -ENOTCONN;
    return ft_tcp_listener_end(&stack->tcp, ref.listener);
}

int ft_stack_close(struct ft_stack *stack, ft_sock sock)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        ft_udp_close(&stack->udp, ref.udp);
    else if (ref.kind == FT_KIND_LISTENER)
        ft_tcp_listener_close(&stack->tcp, ref.listener);
    else
        ft_tcp_close(&stack->tcp, ref.tcb);
    return 0;
}

int ft_stack_abort(struct ft_stack *stack, ft_sock sock)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind != FT_KIND_TCB)
        return ft_stack_close(stack, sock);
    ft_tcp_abort(&stack->tcp, ref.tcb);
    return 0;
}

ssize_t ft_stack_sendmsg(struct ft_stack *stack, ft_sock sock, const struct msghdr *msg, int flags)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_sendmsg(&stack->udp, ref.udp, msg, flags);
    if (ref.kind == FT_KIND_LISTENER)
        return -EPIPE; /* no octet ever passes through a passive socket */
    if (flags & MSG_FASTOPEN)
        return ft_tcp_send_open(&stack->tcp, ref.tcb, msg, flags);
    /* As Linux: a name on a stream is ignored. */
    return ft_tcp_send(&stack->tcp, ref.tcb, msg->msg_iov, msg->msg_iovlen, flags);
}

ssize_t ft_stack_recvmsg(struct ft_stack *stack, ft_sock sock, struct msghdr *msg, int flags)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_recvmsg(&stack->udp, ref.udp, msg, flags);
    if (ref.kind == FT_KIND_LISTENER)
        return -ENOTCONN;
    return ft_tcp_recvmsg(&stack->tcp, ref.tcb, msg, flags);
}

int ft_getsockname(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr, socklen_t *len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_getname(ref.udp, ret_addr, len);
    if (ref.kind == FT_KIND_LISTENER)
        ft_tcp_listener_name(ref.listener, ret_addr, len);
    else
        ft_tcp_name(ref.tcb, ret_addr, len);
    return 0;
}

int ft_getpeername(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr, socklen_t *len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_getpeername(ref.udp, ret_addr, len);
    if (ref.kind == FT_KIND_LISTENER)
        return -ENOTCONN;
    return ft_tcp_peer(ref.tcb, ret_addr, len);
}

int ft_stack_getsockopt(struct ft_stack *stack, ft_sock sock, int level, int name, void *ret_value,
                        socklen_t *len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_getsockopt(&stack->udp, ref.udp, level, name, ret_value, len);
    if (ref.kind == FT_KIND_LISTENER)
        return ft_tcp_listener_getsockopt(&stack->tcp, ref.listener, level, name, ret_value, len);
    return ft_tcp_getsockopt(&stack->tcp, ref.tcb, level, name, ret_value, len);
}

int ft_stack_setsockopt(struct ft_stack *stack, ft_sock sock, int level, int name,
                        const void *value, socklen_t len)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_setsockopt(&stack->udp, ref.udp, level, name, value, len);
    if (ref.kind == FT_KIND_LISTENER)
        return ft_tcp_listener_setsockopt(&stack->tcp, ref.listener, level, name, value, len);
    return ft_tcp_setsockopt(&stack->tcp, ref.tcb, level, name, value, len);
}

ssize_t ft_stack_peek(struct ft_stack *stack, ft_sock sock, struct ft_span *ret_spans, size_t n)
{
    struct ft_tcb *tcb;
    int err = find_tcb(stack, sock, -ENOTCONN, &tcb);
    return err ? err : ft_tcp_peek(&stack->tcp, tcb, ret_spans, n);
}

int ft_stack_consume(struct ft_stack *stack, ft_sock sock, size_t len)
{
    struct ft_tcb *tcb;
    int err = find_tcb(stack, sock, -EINVAL, &tcb);
    return err ? err : ft_tcp_consume(&stack->tcp, tcb, len);
}

ssize_t ft_stack_reserve(struct ft_stack *stack, ft_sock sock, size_t len,
                         struct ft_span *ret_spans, size_t n)
{
    struct ft_tcb *tcb;
    int err = find_tcb(stack, sock, -EPIPE, &tcb);
    return err ? err : ft_tcp_reserve(&stack->tcp, tcb, len, ret_spans, n);
}

size_t ft_stack_reserved(const struct ft_stack *stack, ft_sock sock, size_t len,
                         struct ft_span *ret_spans, size_t n)
{
    struct ft_tcb *tcb;
    return find_tcb(stack, sock, -EINVAL, &tcb) ? 0 : ft_tcp_reserved(tcb, len, ret_spans, n);
}

int ft_stack_commit(struct ft_stack *stack, ft_sock sock, size_t len)
{
    struct ft_tcb *tcb;
    int err = find_tcb(stack, sock, -EINVAL, &tcb);
    return err ? err : ft_tcp_commit(&stack->tcp, tcb, len);
}

int ft_stack_unpin(struct ft_stack *stack, ft_sock sock)
{
    enum ft_sock_kind kind = FT_KIND_NONE;
    void *obj = ft_slot_find(&stack->slots, sock, &kind);
    if (!obj)
        return -EBADF;
    if (kind == FT_KIND_CLOSED)
        return ft_tcp_unpin_closed(&stack->tcp, obj);
    return kind == FT_KIND_TCB ? ft_tcp_unpin(&stack->tcp, obj) : -EBADF;
}

ssize_t ft_stack_export(struct ft_stack *stack, ft_sock sock, void *ret_state, size_t size)
{
    struct ft_tcb *tcb;
    int err = find_tcb(stack, sock, -EOPNOTSUPP, &tcb);
    return err ? err : ft_tcp_export(&stack->tcp, tcb, ret_state, size);
}

ft_sock ft_stack_import(struct ft_stack *stack, const void *state, size_t len)
{
    return ft_tcp_import(&stack->tcp, state, len);
}

uint32_t ft_ready(const struct ft_stack *stack, ft_sock sock)
{
    struct sock_ref ref;
    if (find(stack, sock, &ref))
        return 0;
    if (ref.kind == FT_KIND_UDP)
        return ft_udp_ready(ref.udp);
    if (ref.kind == FT_KIND_LISTENER)
        return ft_tcp_listener_ready(ref.listener);
    return ft_tcp_ready(ref.tcb);
}

int ft_stack_watch(struct ft_stack *stack, ft_sock sock, uint32_t mask, void *user)
{
    struct sock_ref ref;
    int err = find(stack, sock, &ref);
    if (err)
        return err;
    ft_ready_watch(&stack->slots, ft_slot_index(sock), mask, user, ft_ready(stack, sock));
    return 0;
}

size_t ft_stack_events(struct ft_stack *stack, struct ft_event *ret_events, size_t n)
{
    return ft_ready_take(&stack->slots, ret_events, n);
}
