/* SPDX-License-Identifier: MIT */
/*
 * Answers for datagram sockets until they are there: none can be made.
 */
#include "udp/udp.h"
int ft_udp_init(struct ft_udp *u, struct ft_env *e, struct ft_net *n, struct ft_slots *s,
                struct ft_names *m)
{
    (void)u;
    (void)e;
    (void)n;
    (void)s;
    (void)m;
    return 0;
}
void ft_udp_fini(struct ft_udp *u)
{
    (void)u;
}
void ft_udp_check(const struct ft_udp *u, const struct ft_udp_sock *s)
{
    (void)u;
    (void)s;
}
ft_sock ft_udp_new_sock(struct ft_udp *u, bool v)
{
    (void)u;
    (void)v;
    return -97;
}
int ft_udp_bind(struct ft_udp *u, struct ft_udp_sock *s, const struct sockaddr *a, socklen_t l)
{
    (void)u;
    (void)s;
    (void)a;
    (void)l;
    return -1;
}
int ft_udp_connect(struct ft_udp *u, struct ft_udp_sock *s, const struct sockaddr *a, socklen_t l)
{
    (void)u;
    (void)s;
    (void)a;
    (void)l;
    return -1;
}
ssize_t ft_udp_sendmsg(struct ft_udp *u, struct ft_udp_sock *s, const struct msghdr *m, int f)
{
    (void)u;
    (void)s;
    (void)m;
    (void)f;
    return -1;
}
ssize_t ft_udp_recvmsg(struct ft_udp *u, struct ft_udp_sock *s, struct msghdr *m, int f)
{
    (void)u;
    (void)s;
    (void)m;
    (void)f;
    return -1;
}
int ft_udp_shutdown(struct ft_udp *u, struct ft_udp_sock *s, int h)
{
    (void)u;
    (void)s;
    (void)h;
    return -1;
}
void ft_udp_close(struct ft_udp *u, struct ft_udp_sock *s)
{
    (void)u;
    (void)s;
}
int ft_udp_getname(const struct ft_udp_sock *s, struct sockaddr *a, socklen_t *l)
{
    (void)a;
    (void)s;
    (void)l;
    return -1;
}
int ft_udp_getpeername(const struct ft_udp_sock *s, struct sockaddr *a, socklen_t *l)
{
    (void)a;
    (void)s;
    (void)l;
    return -1;
}
uint32_t ft_udp_ready(const struct ft_udp_sock *s)
{
    (void)s;
    return 0;
}
int ft_udp_getsockopt(struct ft_udp *u, struct ft_udp_sock *s, int a, int b, void *v, socklen_t *l)
{
    (void)u;
    (void)s;
    (void)a;
    (void)b;
    (void)v;
    (void)l;
    return -1;
}
int ft_udp_setsockopt(struct ft_udp *u, struct ft_udp_sock *s, int a, int b, const void *v,
                      socklen_t l)
{
    (void)u;
    (void)s;
    (void)a;
    (void)b;
    (void)v;
    (void)l;
    return -1;
}
void ft_udp_info(const struct ft_udp *u, const struct ft_udp_sock *s, struct ft_sock_info *i)
{
    (void)u;
    (void)s;
    (void)i;
}
enum ft_verdict ft_udp_input(struct ft_udp *u, const struct ft_rx *r)
{
    (void)u;
    (void)r;
    return FT_RX_DROP_PROTOCOL;
}
bool ft_udp_error(struct ft_udp *u, const struct ft_icmp_err *e)
{
    (void)u;
    (void)e;
    return false;
}
bool ft_udp_output(struct ft_udp *u, struct ft_udp_sock *s, int i, struct ft_frame *f,
                   struct ft_udp_sent *r)
{
    (void)u;
    (void)s;
    (void)i;
    (void)f;
    (void)r;
    return false;
}
void ft_udp_done(struct ft_udp *u, const struct ft_udp_sent *s, bool w)
{
    (void)u;
    (void)s;
    (void)w;
}
