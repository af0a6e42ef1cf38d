/* SPDX-License-Identifier: MIT */
/*
 * A server is replaced while a client talks to it (libfourtuple): the old process writes its
 * connection down with ft_export() and ends, the new one goes on with ft_import(), and the client,
 * a third process, sees one connection and a pause. The cable between them is a pair of sockets, of
 * which both servers have the same end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#define PORT    7
#define N_LINES 10
#define LINE    32
#define IMAGE   (1u << 20)

struct host {
    struct ft_stack *stack;
    int cable;
};

static ft_time now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (ft_time)ts.tv_sec * FT_SEC + (ft_time)ts.tv_nsec;
}

static void give_up(const char *what, long error)
{
    (void)fprintf(stderr, "handover: %s: %s\n", what, strerror((int)-error));
    exit(1);
}

static struct sockaddr_in name_of(unsigned number)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    unsigned char octets[6] = {0, PORT, 10, 0, 0, (unsigned char)number};

    memcpy(&name.sin_port, octets, 2);
    memcpy(&name.sin_addr, octets + 2, 4);
    return name;
}

/* A host 10.0.0.NUMBER at the end of a cable that carries bare IP packets. @secret: its seed */
static struct host host_new(unsigned number, uint8_t secret, int cable)
{
    struct ft_addr addr = {0, UINT64_C(0xffff0a000000) + number};
    struct ft_if_config card = {
        .size = sizeof(card), .name = "tun0", .type = FT_IF_IP, .mtu = 1500};
    struct host host = {.cable = cable};
    struct ft_config config;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = secret; /* fill it from getrandom(2) where it matters */
    if (ft_stack_new(&config, &host.stack) != 0 || ft_if_add(host.stack, &card) != 1 ||
        ft_addr_add(host.stack, 1, &addr, 24, 0) != 0)
        give_up("no host", -ENOMEM);
    ft_advance(host.stack, now());
    return host;
}

/* Carry frames for up to @ms. */
static void turn(struct host *host, int ms)
{
    struct pollfd waits = {.fd = host->cable, .events = POLLIN};
    uint8_t octets[2048];
    struct ft_frame frame = {.buf = octets, .cap = sizeof(octets), .flags = FT_FRAME_LINEAR};

    while (ft_output(host->stack, 1, &frame, 1, now()) == 1) {
        size_t n_sent = write(host->cable, octets, frame.len) == (ssize_t)frame.len;

        ft_output_done(host->stack, 1, &frame, 1, n_sent);
        frame.flags = FT_FRAME_LINEAR;
    }
    if (poll(&waits, 1, ms) == 1 && (waits.revents & POLLIN)) {
        ssize_t len = read(host->cable, octets, sizeof(octets));
        struct ft_frame arrived = {.buf = octets, .len = len > 0 ? (uint32_t)len : 0};

        if (len > 0)
            ft_input(host->stack, 1, &arrived, 1, now());
    }
    ft_advance(host->stack, now());
}

/* Answer lines until @most have been. Return: the peer has not closed. */
static int serve(struct host *host, ft_sock sock, const char *who, int most)
{
    char line[LINE], answer[2 * LINE];

    while (most > 0) {
        ssize_t n = ft_recv(host->stack, sock, line, sizeof(line), 0);

        if (n == sizeof(line)) {
            memset(answer, 0, sizeof(answer));
            (void)snprintf(answer, sizeof(answer), "%.*s from the %s server", LINE - 1, line, who);
            if (ft_send(host->stack, sock, answer, sizeof(answer), 0) < 0)
                give_up("ft_send", -EPIPE);
            most--;
        } else if (n == 0) {
            (void)ft_close(host->stack, sock);
            for (int i = 0; i < 50; i++)
                turn(host, 1); /* the last segments */
            return 0;
        } else if (n != -EAGAIN) {
            give_up("ft_recv", n);
        }
        turn(host, 10);
    }
    return 1;
}

/* It serves half of the lines, writes the connection into the pipe, and ends. */
static void old_server(int cable, int pipe)
{
    struct host host = host_new(1, 1, cable);
    struct sockaddr_in name = name_of(1);
    ft_sock listener = ft_socket(host.stack, AF_INET, SOCK_STREAM, 0);
    ft_sock sock = -1;
    uint8_t *image = malloc(IMAGE);
    ssize_t len;

    if (ft_bind(host.stack, listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        ft_listen(host.stack, listener, 1) != 0 || image == NULL)
        give_up("no passive socket", -EADDRINUSE);
    while (sock < 0) {
        turn(&host, 10);
        sock = ft_accept(host.stack, listener, NULL, NULL);
    }
    (void)serve(&host, sock, "old", N_LINES / 2);
    len = ft_export(host.stack, sock, image, IMAGE);
    if (len < 0)
        give_up("ft_export", len);
    for (ssize_t at = 0, n; at < len; at += n) {
        n = write(pipe, image + at, (size_t)(len - at));
        if (n <= 0)
            give_up("the pipe", -errno);
    }
    free(image);
    ft_stack_free(host.stack);
    exit(0);
}

/* It waits until the old one is gone, and goes on. */
static void new_server(int cable, int pipe)
{
    struct host host = host_new(1, 2, cable);
    uint8_t *image = malloc(IMAGE);
    size_t len = 0;
    ft_sock sock;

    for (ssize_t n = 1; image != NULL && n > 0 && len<IMAGE; len += n> 0 ? (size_t)n : 0)
        n = read(pipe, image + len, IMAGE - len);
    ft_advance(host.stack, now());
    sock = ft_import(host.stack, image, len);
    if (sock < 0)
        give_up("ft_import", sock);
    free(image);
    (void)serve(&host, sock, "new", N_LINES);
    ft_stack_free(host.stack);
    exit(0);
}

static int client(int cable)
{
    struct host host = host_new(2, 3, cable);
    struct sockaddr_in name = name_of(1);
    ft_sock sock = ft_socket(host.stack, AF_INET, SOCK_STREAM, 0);
    char line[LINE], answer[2 * LINE];
    int n_answers = 0;

    (void)ft_connect(host.stack, sock, (struct sockaddr *)&name, sizeof(name));
    for (int i = 1; i <= N_LINES; i++) {
        ssize_t n = -EAGAIN;

        memset(line, 0, sizeof(line));
        (void)snprintf(line, sizeof(line), "answer %d", i);
        while (ft_send(host.stack, sock, line, sizeof(line), 0) == -EAGAIN)
            turn(&host, 10);
        while (n == -EAGAIN) {
            turn(&host, 10);
            n = ft_recv(host.stack, sock, answer, sizeof(answer), 0);
        }
        if (n != sizeof(answer))
            give_up("the connection broke", n);
        (void)puts(answer);
        n_answers++;
    }
    (void)ft_close(host.stack, sock);
    for (int i = 0; i < 50; i++)
        turn(&host, 1);
    ft_stack_free(host.stack);
    return n_answers == N_LINES ? 0 : 1;
}

int main(void)
{
    int cable[2], pipes[2], result, status;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, cable) != 0 || pipe(pipes) != 0)
        give_up("no cable", -errno);
    if (fork() == 0) {
        (void)close(pipes[0]);
        old_server(cable[0], pipes[1]);
    }
    (void)close(pipes[1]);
    if (fork() == 0)
        new_server(cable[0], pipes[0]);
    (void)close(pipes[0]);
    (void)close(cable[0]);
    result = client(cable[1]);
    while (wait(&status) > 0)
        result |= WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    return result;
}
