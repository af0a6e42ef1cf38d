/* SPDX-License-Identifier: MIT */
/*
 * Looking ahead in a batch of frames: whose four-tuple each probably has, so that the table's line
 * and the connection are on their way from memory while earlier frames are worked on. A guess by
 * the plainest layout only; what it finds is believed for the hash, and nothing else.
 */
#include <netinet/in.h>

#include "priv.h"
#include "wire/be.h"
#include "wire/eth.h"

/* Plain IPv4 without options or fragments, with the ports after it. */
static bool peek4(const uint8_t *ip, size_t len, struct ft_conn *ret)
{
    if (len < 24 || ip[0] != 0x45 || ip[9] != IPPROTO_TCP || (be16_load(ip + 6) & 0x3fff))
        return false;
    ret->remote = addr_load4(ip + 12);
    ret->local = addr_load4(ip + 16);
    ret->remote_port = be16_load(ip + 20);
    ret->local_port = be16_load(ip + 22);
    return true;
}

/* Plain IPv6 without extension headers; not link-local, whose name has the interface in it. */
static bool peek6(const uint8_t *ip, size_t len, struct ft_conn *ret)
{
    if (len < 44 || ip[0] >> 4 != 6 || ip[6] != IPPROTO_TCP || ip[8] == 0xfe)
        return false;
    ret->remote = addr_load16(ip + 8);
    ret->local = addr_load16(ip + 24);
    ret->remote_port = be16_load(ip + 40);
    ret->local_port = be16_load(ip + 42);
    return true;
}

static bool peek(const struct ft_frame *frame, size_t link, struct ft_conn *ret)
{
    *ret = (struct ft_conn){0};
    if (frame->len < link + 24)
        return false;
    const uint8_t *ip = frame->buf + link;
    size_t len = frame->len - link;
    uint16_t type = link ? be16_load(frame->buf + 12) : 0;
    if (link ? type == ETH_TYPE_IP4 : ip[0] >> 4 == 4)
        return peek4(ip, len, ret);
    if (link ? type == ETH_TYPE_IP6 : ip[0] >> 4 == 6)
        return peek6(ip, len, ret);
    return false;
}

void ft_stack_look_ahead(const struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                         size_t n, struct stack_ahead *ret)
{
    int link = ft_net_link_header(stack->net, ifindex);
    struct ft_conn name;
    for (size_t i = 0; i < n; i++) {
        ret[i].known = link >= 0 && peek(&frames[i], (size_t)link, &name);
        if (!ret[i].known)
            continue;
        ret[i].hash = ft_table_hash(stack->tcp.table, &name);
        ft_table_prefetch(stack->tcp.table, ret[i].hash);
    }
    for (size_t i = 0; i < n; i++)
        if (ret[i].known)
            ft_table_prefetch_conns(stack->tcp.table, ret[i].hash);
}
