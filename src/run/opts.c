/* SPDX-License-Identifier: MIT */
/*
 * Socket options. The stack knows them by Linux's names and values; here they are only carried.
 * Those that the carrier serves natively (time limits) never stop, see filter.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <fourtuple/auth.h>
#include <fourtuple/socket.h>

#include "priv.h"

/* What an option says: its level and name, and where its value lies in the program's memory. */
struct option {
    int level, name;
    uint64_t value, len;
};

static struct option option_of(const struct call *call)
{
    return (struct option){(int)call->args[1], (int)call->args[2], call->args[3], call->args[4]};
}

/* The socket of the stack that answers. A conversation that is over has none any more, but on Linux
   its socket goes on taking options: a new one stands in, and knows which there are and what is
   good for them. What is set is forgotten: nothing is left that it could change. */
static ft_sock answering(struct call *call)
{
    if (call->chan->state != CHAN_ZOMBIE)
        return call->chan->sock;
    return ft_socket(call->run->stack, call->chan->domain, call->chan->type, 0);
}

static void answered(struct call *call, ft_sock sock)
{
    if (call->chan->state == CHAN_ZOMBIE && sock >= 0)
        (void)ft_close(call->run->stack, sock); /* ours, so that it cannot fail */
}

int64_t call_setsockopt(struct call *call)
{
    struct option option = option_of(call);
    uint8_t value[RUN_OPTLEN_MAX];
    int len = (int)option.len, rc;
    ft_sock sock;

    /* A send does not stop, so that nothing could tell when its octets are free again. */
    if (option.level == SOL_SOCKET && option.name == SO_ZEROCOPY)
        return -EOPNOTSUPP;
    if (len < 0)
        return -EINVAL;
    if ((size_t)len > sizeof(value))
        len = (int)sizeof(value); /* longer than any that the stack knows */
    rc = child_read(call->caller.tid, option.value, value, (size_t)len);
    if (rc < 0)
        return rc;
    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    sock = answering(call);
    rc = ft_setsockopt(call->run->stack, sock, option.level, option.name, value, (socklen_t)len);
    answered(call, sock);
    return rc;
}

/* The pending error, once. It also clears what the carrier has to say, so that reads do not. */
static int take_error(struct call *call)
{
    struct chan *chan = call->chan;
    int error = chan->error, native = 0;
    socklen_t len = sizeof(error);

    chan->error = 0;
    if (chan->state == CHAN_FAILED || chan->state == CHAN_ZOMBIE) {
        socklen_t native_len = sizeof(native);

        (void)getsockopt(call->handle, SOL_SOCKET, SO_ERROR, &native, &native_len);
    }
    /* A reset lay in the carrier, too: a read or write has told it already. */
    if (chan->state == CHAN_ZOMBIE && chan->kept && !chan->eof_out && native == 0)
        return 0;
    if (error != 0 || chan->state == CHAN_ZOMBIE || chan->state == CHAN_FAILED)
        return error;
    if (ft_getsockopt(call->run->stack, chan->sock, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return 0;
    return error;
}

/* What only this side knows, or that outlives the conversation. Return: whether it was that. */
static bool own_option(struct call *call, const struct option *option, int *ret_value)
{
    const struct chan *chan = call->chan;

    if (option->level != SOL_SOCKET)
        return false;
    switch (option->name) {
    case SO_ERROR:
        *ret_value = take_error(call);
        return true;
    case SO_TYPE:
        *ret_value = chan->type;
        return true;
    case SO_DOMAIN:
        *ret_value = chan->domain;
        return true;
    case SO_PROTOCOL:
        *ret_value = chan->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
        return true;
    case SO_ACCEPTCONN:
        *ret_value = chan->state == CHAN_LISTENING;
        return true;
    default:
        return false;
    }
}

/* TCP_AO_GET_KEYS: an array of the program's, whose first entry says what is asked for and how many
   there is room for; the length is that of one. */
static int64_t get_keys(struct call *call, const struct option *option, int one)
{
    struct ft_tcp_ao_key query;
    const size_t nkeys_at = offsetof(struct ft_tcp_ao_key, nkeys);
    const size_t known = (size_t)one < sizeof(query) ? (size_t)one : sizeof(query);
    socklen_t len = (socklen_t)one;
    uint8_t *array;
    int rc;

    if (one <= 0 || (size_t)one > RUN_OPTLEN_MAX)
        return -EINVAL;
    memset(&query, 0, sizeof(query));
    rc = child_read(call->caller.tid, option->value, &query, known);
    if (rc < 0)
        return rc;
    query.nkeys = query.nkeys < RUN_KEYS_MAX ? query.nkeys : RUN_KEYS_MAX;
    array = calloc(query.nkeys + 1u, (size_t)one);
    if (array == NULL)
        return -ENOMEM;
    rc = child_read(call->caller.tid, option->value, array, (size_t)one);
    if (known >= nkeys_at + sizeof(query.nkeys))
        memcpy(array + nkeys_at, &query.nkeys, sizeof(query.nkeys));
    if (rc >= 0 && notify_valid(call->run, call->caller.id)) {
        ft_sock sock = answering(call);

        rc = ft_getsockopt(call->run->stack, sock, option->level, option->name, array, &len);
        answered(call, sock);
    }
    if (rc == 0 && known >= nkeys_at + sizeof(query.nkeys)) {
        uint32_t n;

        memcpy(&n, array + nkeys_at, sizeof(n));
        n = n < query.nkeys ? n : query.nkeys;
        rc = child_write(&call->caller, option->value, array, (n > 0 ? n : 1u) * (size_t)one);
    }
    explicit_bzero(array, (query.nkeys + 1u) * (size_t)one);
    free(array);
    one = (int)len;
    return rc < 0 ? rc : child_write(&call->caller, option->len, &one, sizeof(one));
}

/* What TCP-AO's options are asked stands in the room for the answer. */
static bool asks(const struct option *option)
{
    return option->level == IPPROTO_TCP && option->name == FT_TCP_AO_INFO;
}

int64_t call_getsockopt(struct call *call)
{
    struct option option = option_of(call);
    uint8_t value[RUN_OPTLEN_MAX];
    int room, own, rc;
    socklen_t len;

    rc = child_read(call->caller.tid, option.len, &room, sizeof(room));
    if (rc < 0)
        return rc;
    if (room < 0)
        return -EINVAL;
    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (option.level == IPPROTO_TCP && option.name == FT_TCP_AO_GET_KEYS)
        return get_keys(call, &option, room);
    len = (size_t)room < sizeof(value) ? (socklen_t)room : (socklen_t)sizeof(value);
    if (asks(&option)) {
        rc = child_read(call->caller.tid, option.value, value, len);
        if (rc < 0)
            return rc;
    }
    if (own_option(call, &option, &own)) {
        if (len > sizeof(own))
            len = sizeof(own);
        memcpy(value, &own, len);
    } else {
        ft_sock sock = answering(call);

        rc = ft_getsockopt(call->run->stack, sock, option.level, option.name, value, &len);
        answered(call, sock);
        if (rc < 0)
            return rc;
    }
    return child_write_value(&call->caller, option.value, value, len, option.len, len);
}
