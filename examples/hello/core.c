/* SPDX-License-Identifier: MIT */
/*
 * The core alone (libfourtuple): two hosts in one process, and this program is their cable. It
 * carries frames from one to the other until a greeting has crossed. There is no clock: the time is
 * a number that the program counts up.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#define PORT 7

static struct sockaddr_in name_of(unsigned number)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    unsigned char octets[6] = {0, PORT, 10, 0, 0, (unsigned char)number};

    memcpy(&name.sin_port, octets, 2);
    memcpy(&name.sin_addr, octets + 2, 4);
    return name;
}

/* A host 10.0.0.NUMBER with one Ethernet card. Return: NULL: no memory. */
static struct ft_stack *host_new(unsigned number)
{
    struct ft_addr addr = {0, UINT64_C(0xffff0a000000) + number};
    struct ft_if_config card = {
        .size = sizeof(card), .name = "eth0", .type = FT_IF_ETHER, .mtu = 1500};
    struct ft_stack *stack = NULL;
    struct ft_config config;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = (uint8_t)number; /* fill it from getrandom(2) where it matters */
    card.mac[0] = 2;
    card.mac[5] = (uint8_t)number;
    if (ft_stack_new(&config, &stack) != 0)
        return NULL;
    if (ft_if_add(stack, &card) != 1 || ft_addr_add(stack, 1, &addr, 24, 0) != 0) {
        ft_stack_free(stack);
        return NULL;
    }
    return stack;
}

/* Carry what one host has to send to the other. */
static void carry(struct ft_stack *from, struct ft_stack *to, ft_time now)
{
    uint8_t octets[2048];
    struct ft_frame frame = {.buf = octets, .cap = sizeof(octets), .flags = FT_FRAME_LINEAR};

    while (ft_output(from, 1, &frame, 1, now) == 1) {
        struct ft_frame arrived = {.buf = octets, .len = frame.len};

        if (octets[0] & 1)
            arrived.flags = FT_FRAME_L2_MULTICAST;
        ft_input(to, 1, &arrived, 1, now);
        ft_output_done(from, 1, &frame, 1, 1);
        frame.flags = FT_FRAME_LINEAR;
    }
}

static int talk(struct ft_stack *client, struct ft_stack *server)
{
    struct sockaddr_in name = name_of(2);
    ft_sock listener = ft_socket(server, AF_INET, SOCK_STREAM, 0);
    ft_sock sock = ft_socket(client, AF_INET, SOCK_STREAM, 0);
    ft_sock got = -1;

    if (ft_bind(server, listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        ft_listen(server, listener, 1) != 0)
        return -1;
    (void)ft_connect(client, sock, (struct sockaddr *)&name, sizeof(name));
    for (ft_time now = 0; now < FT_SEC; now += FT_MS) {
        char text[64];
        ssize_t n;

        carry(client, server, now);
        carry(server, client, now);
        if (got < 0) {
            got = ft_accept(server, listener, NULL, NULL);
            if (got >= 0)
                (void)ft_send(client, sock, "hello", 5, 0);
            continue;
        }
        n = ft_recv(server, got, text, sizeof(text), 0);
        if (n > 0) {
            printf("%.*s after %d ms\n", (int)n, text, (int)(now / FT_MS));
            return 0;
        }
    }
    return -1;
}

int main(void)
{
    struct ft_stack *client = host_new(1);
    struct ft_stack *server = host_new(2);
    int result = client != NULL && server != NULL ? talk(client, server) : -1;

    ft_stack_free(client);
    ft_stack_free(server);
    return result == 0 ? 0 : 1;
}
