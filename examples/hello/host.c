/* SPDX-License-Identifier: MIT */
/*
 * A whole host (libfourtuple-host): its loop runs in a thread of its own, and calls wait. The
 * greeting goes over the host's own loopback, so nobody else is needed; give "--net" and "--addr"
 * as for `fourtuple run` to meet others.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <fourtuple/host.h>

static int talk(struct ft_host *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    static const unsigned char octets[6] = {0, 7, 127, 0, 0, 1};
    ft_sock listener = ft_host_socket(host, AF_INET, SOCK_STREAM, 0);
    ft_sock sock = ft_host_socket(host, AF_INET, SOCK_STREAM, 0);
    ft_sock got;
    char text[64];
    ssize_t n;

    memcpy(&name.sin_port, octets, 2);
    memcpy(&name.sin_addr, octets + 2, 4);
    if (ft_host_bind(host, listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        ft_host_listen(host, listener, 1) != 0 ||
        ft_host_connect(host, sock, (struct sockaddr *)&name, sizeof(name), FT_SEC) != 0)
        return -1;
    got = ft_host_accept(host, listener, NULL, NULL, FT_SEC);
    if (got < 0 || ft_host_send(host, sock, "hello", 5, 0, FT_SEC) != 5)
        return -1;
    n = ft_host_recv(host, got, text, sizeof(text), 0, FT_SEC);
    if (n <= 0)
        return -1;
    printf("%.*s\n", (int)n, text);
    return 0;
}

int main(void)
{
    struct ft_host_config config = {.size = sizeof(config)};
    struct ft_host *host = NULL;
    char why[256];
    int result;

    if (ft_host_new(&config, &host, why, sizeof(why)) != 0) {
        fprintf(stderr, "hello: %s\n", why);
        return 1;
    }
    result = talk(host);
    ft_host_free(host, 0);
    return result == 0 ? 0 : 1;
}
