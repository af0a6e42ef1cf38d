/* SPDX-License-Identifier: MIT */
/*
 * A whole host for programs with threads: links, a loop in a thread of its own, and socket calls
 * that wait, from any thread. Link with libfourtuple-host.
 *
 * The stack itself is not reached from here; one thread owns it. Each call is a record that goes to
 * that thread over a bounded ring, and the caller sleeps until it is done.
 */
#ifndef FOURTUPLE_HOST_H
#define FOURTUPLE_HOST_H

#include <sys/socket.h>

#include <fourtuple/auth.h>
#include <fourtuple/diag.h>
#include <fourtuple/types.h>

FT_BEGIN_DECLS

struct ft_host;

struct ft_host_config {
    uint32_t size; /* sizeof(struct ft_host_config) */
    /* What `fourtuple run` takes, in the same words: "--net", "lab", "--addr", "10.7.0.2/24",
       "--gateway", IP, "--link", IMPAIRMENT, "--pcap", FILE, "--name", NAME. */
    const char *const *options;
    size_t n_options;
};

/**
 * What signs segments (TCP MD5, TCP-AO), by OpenSSL's libcrypto: for ft_config.auth of a stack that
 * you make yourself. The hosts of this file have it already.
 *
 * @ret: written over; all NULL in a build without libcrypto. May be used from any thread.
 */
FT_PUBLIC void ft_host_auth(struct ft_auth *ret);

/**
 * Start a host: open its nets, wait until its addresses can be used.
 *
 * @config:   borrowed, strings too, until ft_host_free()
 * @ret_host: to be ended by ft_host_free()
 * @ret_err:  on failure one sentence; may be NULL
 * @err_len:  room in it
 *
 * Return: 0; -EINVAL: an option; -EADDRINUSE: another host has the address; another -errno.
 */
FT_PUBLIC int ft_host_new(const struct ft_host_config *config, struct ft_host **ret_host,
                          char *ret_err, size_t err_len);

/**
 * End a host. Calls that wait in other threads return -ECANCELED; none may begin any more.
 *
 * @host:   may be NULL
 * @linger: how long to wait for what is queued to be acknowledged, at most; 0: not at all
 */
FT_PUBLIC void ft_host_free(struct ft_host *host, ft_time linger);

/**
 * Make a socket; as ft_socket().
 *
 * Return: the socket, which only the calls of this file know; or as ft_socket().
 */
FT_PUBLIC ft_sock ft_host_socket(struct ft_host *host, int domain, int type, int protocol);

/**
 * Name a socket; arguments and answers as ft_bind().
 */
FT_PUBLIC int ft_host_bind(struct ft_host *host, ft_sock sock, const struct sockaddr *addr,
                           socklen_t len);

/**
 * Make a socket passive; as ft_listen().
 */
FT_PUBLIC int ft_host_listen(struct ft_host *host, ft_sock sock, int backlog);

/**
 * Wait for a connection and take it.
 *
 * @ret_addr: the peer's name, up to *@len octets; may be NULL
 * @len:      in: room; out: the true length; NULL if @ret_addr is
 * @timeout:  how long to wait; FT_TIME_NEVER: as long as it takes; 0: do not wait
 *
 * Return: the active socket; -EAGAIN: none came in time; -ECANCELED: the host ended; -EBADF: or the
 * socket was closed meanwhile; else as ft_accept().
 */
FT_PUBLIC ft_sock ft_host_accept(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                                 socklen_t *len, ft_time timeout);

/**
 * Connect, and wait for the outcome.
 *
 * @timeout: as for ft_host_accept()
 *
 * Return: 0; -EINPROGRESS: not decided in time, it goes on; -ECANCELED; else as ft_connect().
 */
FT_PUBLIC int ft_host_connect(struct ft_host *host, ft_sock sock, const struct sockaddr *addr,
                              socklen_t len, ft_time timeout);

/**
 * Send all of the octets, or one datagram, waiting for room.
 *
 * @data:    borrowed until return
 * @flags:   as for ft_send()
 * @timeout: as for ft_host_accept()
 *
 * Return: octets queued; fewer than @len only when time ran out or the connection failed midway;
 * -EAGAIN: none in time; -ECANCELED; else as ft_send().
 */
FT_PUBLIC ssize_t ft_host_send(struct ft_host *host, ft_sock sock, const void *data, size_t len,
                               int flags, ft_time timeout);

/**
 * Wait for octets, or one datagram, and take what is there.
 *
 * @timeout: as for ft_host_accept()
 *
 * Return: octets written; 0: the end of the stream; -EAGAIN: none in time; -ECANCELED; else as
 * ft_recv().
 */
FT_PUBLIC ssize_t ft_host_recv(struct ft_host *host, ft_sock sock, void *ret_data, size_t len,
                               int flags, ft_time timeout);

/**
 * Close one or both directions; as ft_shutdown().
 */
FT_PUBLIC int ft_host_shutdown(struct ft_host *host, ft_sock sock, int how);

/**
 * Give up a socket; as ft_close(). Calls that wait on it return -EBADF. With SO_LINGER, and a time
 * above 0, it waits until all that was sent is acknowledged, the FIN included, or the time is over;
 * 0 then, too, as on Linux, and what is left goes on in the background.
 */
FT_PUBLIC int ft_host_close(struct ft_host *host, ft_sock sock);

/**
 * The socket's own name; as ft_getsockname().
 */
FT_PUBLIC int ft_host_getsockname(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                                  socklen_t *len);

/**
 * The peer's name; as ft_getpeername().
 */
FT_PUBLIC int ft_host_getpeername(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                                  socklen_t *len);

/**
 * Read an option; as ft_getsockopt().
 */
FT_PUBLIC int ft_host_getsockopt(struct ft_host *host, ft_sock sock, int level, int name,
                                 void *ret_value, socklen_t *len);

/**
 * Set an option; as ft_setsockopt().
 */
FT_PUBLIC int ft_host_setsockopt(struct ft_host *host, ft_sock sock, int level, int name,
                                 const void *value, socklen_t len);

/**
 * The counters of its stack.
 *
 * Return: 0; -ECANCELED.
 */
FT_PUBLIC int ft_host_counters(struct ft_host *host, struct ft_counters *ret_counters);

FT_END_DECLS

#endif
