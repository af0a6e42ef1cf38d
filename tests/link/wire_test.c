/* SPDX-License-Identifier: MIT */
/*
 * The virtual wire is a mesh in which nobody but oneself is harmed by being slow, stopped or dead.
 * All ends are in this process; each is driven by hand, so nothing depends on time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/wire.h"

#define FRAME_CAP 70000
#define ROUNDS    50

static char base[] = "/tmp/ft-wire-XXXXXX";
static uint8_t buffers[LINK_BATCH][FRAME_CAP];

static int begin(void **state)
{
    (void)state;
    return mkdtemp(base) == NULL;
}

static int end(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", base);
    return system(command);
}

static struct link *open_end(const char *net, uint8_t number)
{
    struct link_wire_config config = {.net = net, .host = "h", .base = base};
    struct link *link = NULL;
    char err[200] = "";

    config.mac[0] = 2;
    config.mac[5] = number;
    if (link_wire_open(&config, &link, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return link;
}

/* A frame to the host @to (0: to all) with @len octets. */
static int send_frame(struct link *link, uint8_t to, uint8_t mark, uint32_t len)
{
    static uint8_t octets[FRAME_CAP];
    struct ft_frame frame = {.buf = octets, .cap = FRAME_CAP, .len = len};

    memset(octets, to == 0 ? 255 : 0, 6);
    if (to != 0) {
        octets[0] = 2;
        octets[5] = to;
    }
    octets[14] = mark;
    return link_send(link, &frame, 1);
}

/* Gathers what has arrived; ret is for the first n frames. */
static int gather(struct link *link, struct ft_frame *frames, size_t n)
{
    int total = 0;

    for (size_t i = 0; i < n; i++)
        frames[i] = (struct ft_frame){.buf = buffers[i], .cap = FRAME_CAP};
    for (int i = 0; i < ROUNDS && (size_t)total < n; i++)
        total += link_recv(link, frames + total, n - (size_t)total);
    return total;
}

static int drain(struct link *link)
{
    struct ft_frame frames[LINK_BATCH];
    int n, total = 0;

    while ((n = gather(link, frames, LINK_BATCH)) > 0)
        total += n;
    return total;
}

static void settle(struct link **links, size_t n)
{
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < n; i++)
            (void)drain(links[i]);
    }
}

static size_t n_files(const char *net)
{
    char path[200];
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/net/%s", base, net);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(dir);
    return n;
}

static void a_host_that_starts_reaches_those_before_it_at_once(void **state)
{
    struct link *a = open_end("one", 1), *b = open_end("one", 2);
    struct ft_frame frames[4];

    (void)state;
    /* b has done nothing but start, a has not looked yet: the frame waits for a. */
    assert_int_equal(send_frame(b, 0, 7, 60), 1);
    assert_int_equal(gather(a, frames, 4), 1);
    assert_int_equal(frames[0].len, 60);
    assert_int_equal(frames[0].buf[14], 7);
    assert_true((frames[0].flags & FT_FRAME_L2_MULTICAST) != 0);
    link_close(b);
    link_close(a);
}

static void there_is_one_connection_a_pair(void **state)
{
    struct link *links[3];

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        links[i] = open_end("pair", (uint8_t)(i + 1));
    settle(links, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(link_wire_peers(links[i], NULL, 0), 2);
    for (size_t i = 0; i < 3; i++)
        link_close(links[i]);
}

static void frames_go_by_address_and_the_rest_to_all(void **state)
{
    struct ft_frame frames[4];
    struct link *links[3];

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        links[i] = open_end("mac", (uint8_t)(i + 1));
    settle(links, 3);
    assert_int_equal(send_frame(links[0], 2, 1, 60), 1);
    assert_int_equal(gather(links[1], frames, 4), 1);
    assert_int_equal(frames[0].flags, 0);
    assert_int_equal(gather(links[2], frames, 4), 0);
    assert_int_equal(send_frame(links[0], 0, 2, 60), 1);
    assert_int_equal(gather(links[1], frames, 4), 1);
    assert_int_equal(gather(links[2], frames, 4), 1);
    assert_int_equal(send_frame(links[0], 99, 3, 60), 1); /* nobody's address */
    assert_int_equal(gather(links[1], frames, 4), 1);
    assert_int_equal(gather(links[2], frames, 4), 1);
    assert_int_equal(gather(links[0], frames, 4), 0); /* never back to the sender */
    for (size_t i = 0; i < 3; i++)
        link_close(links[i]);
}

static void the_longest_frame_passes_whole(void **state)
{
    struct link *links[2] = {open_end("long", 1), open_end("long", 2)};
    struct ft_frame frames[2];

    (void)state;
    settle(links, 2);
    assert_int_equal(send_frame(links[1], 1, 9, 65535 + 14), 1);
    assert_int_equal(gather(links[0], frames, 2), 1);
    assert_int_equal(frames[0].len, 65535 + 14);
    link_close(links[0]);
    link_close(links[1]);
}

static void pieces_of_a_frame_arrive_as_one(void **state)
{
    struct link *links[2] = {open_end("span", 1), open_end("span", 2)};
    uint8_t head[20] = {2, 0, 0, 0, 0, 1}, tail[] = "payload";
    struct ft_frame frame = {.buf = head, .len = sizeof(head), .n_spans = 2}, frames[2];

    (void)state;
    frame.spans[0] = (struct ft_span){tail, 3};
    frame.spans[1] = (struct ft_span){tail + 3, 4};
    settle(links, 2);
    assert_int_equal(link_send(links[1], &frame, 1), 1);
    assert_int_equal(gather(links[0], frames, 2), 1);
    assert_int_equal(frames[0].len, 27);
    assert_memory_equal(frames[0].buf + 20, "payload", 7);
    link_close(links[0]);
    link_close(links[1]);
}

static void a_full_pair_drops_for_that_pair_only(void **state)
{
    struct link_wire_peer peers[2];
    struct link *links[3];
    int to_2, to_3 = 0;

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        links[i] = open_end("full", (uint8_t)(i + 1));
    settle(links, 3);
    /* Host 2 does not read: it is stopped. Host 3 does. */
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(send_frame(links[0], 2, 0, 1500), 1);
        assert_int_equal(send_frame(links[0], 3, 0, 1500), 1);
        if (i % 16 == 15)
            to_3 += drain(links[2]);
    }
    assert_int_equal(to_3, 20000);
    assert_int_equal(link_wire_peers(links[0], peers, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        if (peers[i].mac[5] == 2)
            assert_true(peers[i].n_dropped > 0);
        else
            assert_int_equal(peers[i].n_dropped, 0);
    }
    /* Once it reads again it gets what had room, and what comes then. */
    to_2 = drain(links[1]);
    assert_in_range(to_2, 50, 19999);
    assert_int_equal(send_frame(links[0], 2, 0, 60), 1);
    assert_int_equal(drain(links[1]), 1);
    for (size_t i = 0; i < 3; i++)
        link_close(links[i]);
}

static void a_death_ends_its_own_pairs_only(void **state)
{
    struct ft_frame frames[4];
    struct link *links[3];

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        links[i] = open_end("death", (uint8_t)(i + 1));
    settle(links, 3);
    /* What it sent last still arrives. */
    assert_int_equal(send_frame(links[1], 1, 5, 60), 1);
    link_close(links[1]);
    assert_int_equal(gather(links[0], frames, 4), 1);
    assert_int_equal(link_wire_peers(links[0], NULL, 0), 1);
    assert_int_equal(gather(links[2], frames, 4), 0);
    assert_int_equal(send_frame(links[0], 3, 6, 60), 1);
    assert_int_equal(gather(links[2], frames, 4), 1);
    link_close(links[0]);
    link_close(links[2]);
}

static void one_talker_does_not_starve_the_others(void **state)
{
    struct ft_frame frames[8];
    struct link *links[3];
    bool heard = false;

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        links[i] = open_end("fair", (uint8_t)(i + 1));
    settle(links, 3);
    for (int i = 0; i < 50; i++)
        assert_int_equal(send_frame(links[1], 1, 2, 60), 1);
    assert_int_equal(send_frame(links[2], 1, 3, 60), 1);
    for (size_t i = 0; i < 8; i++)
        frames[i] = (struct ft_frame){.buf = buffers[i], .cap = FRAME_CAP};
    for (int n = link_recv(links[0], frames, 8); n > 0; n--)
        heard = heard || frames[n - 1].buf[14] == 3;
    assert_true(heard);
    for (size_t i = 0; i < 3; i++)
        link_close(links[i]);
}

static void of_two_hosts_with_one_mac_the_later_knows(void **state)
{
    struct link *links[3] = {open_end("same", 1), open_end("same", 1), open_end("same", 2)};

    (void)state;
    settle(links, 3);
    assert_false(link_wire_is_double(links[0]));
    assert_true(link_wire_is_double(links[1]));
    assert_false(link_wire_is_double(links[2]));
    for (size_t i = 0; i < 3; i++)
        link_close(links[i]);
}

/* A socket file whose process is gone, as kill -9 leaves it. */
static void leave_stale(const char *net, const char *file)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    assert_true(fd >= 0);
    (void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/net/%s/%s", base, net, file);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
    (void)close(fd);
}

static void names_of_dead_hosts_are_removed(void **state)
{
    struct link *a = open_end("stale", 1), *b;

    (void)state;
    leave_stale("stale", "000000000000000000-dead");
    leave_stale("stale", "ffffffffffffffffff-dead");
    assert_int_equal(n_files("stale"), 3);
    b = open_end("stale", 2);
    assert_int_equal(n_files("stale"), 2);
    link_close(a);
    link_close(b);
    assert_int_equal(n_files("stale"), 0);
}

/* An earlier name that shows itself later: the rule says that we connect. */
static void an_earlier_host_that_shows_itself_later_is_met(void **state)
{
    struct link *a = open_end("late", 1);
    char hidden[150];
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), got;
    uint8_t hello[200];

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(hidden, sizeof(hidden), "%s/net/late/.x", base);
    (void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/net/late/.x", base);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
    assert_int_equal(listen(fd, 1), 0);
    (void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/net/late/00-early", base);
    assert_int_equal(rename(hidden, sun.sun_path), 0);
    (void)drain(a);
    assert_int_equal(link_wire_peers(a, NULL, 0), 1);
    got = accept(fd, NULL, NULL);
    assert_true(got >= 0);
    assert_true(recv(got, hello, sizeof(hello), 0) > 50);
    /* It answers nonsense, and is a peer no more. */
    assert_int_equal(send(got, "nonsense", 8, 0), 8);
    (void)drain(a);
    assert_int_equal(link_wire_peers(a, NULL, 0), 0);
    (void)close(got);
    (void)close(fd);
    link_close(a);
}

static void without_its_name_and_without_peers_a_wire_is_dead(void **state)
{
    struct link *a = open_end("swept", 1), *b = open_end("swept", 2);
    char command[200];
    struct ft_frame frames[2];

    (void)state;
    assert_int_equal(send_frame(b, 0, 7, 60), 1);
    assert_int_equal(gather(a, frames, 2), 1);
    (void)snprintf(command, sizeof(command), "rm -r %s/net/swept", base);
    assert_int_equal(system(command), 0);
    /* Those that have met go on. */
    assert_int_equal(send_frame(b, 0, 8, 60), 1);
    assert_int_equal(gather(a, frames, 2), 1);
    link_close(b);
    assert_int_equal(link_recv(a, frames, 2), -ENOENT);
    link_close(a);
}

static void a_directory_that_others_may_enter_is_refused(void **state)
{
    struct link_wire_config config = {.net = "lab", .host = "h", .mac = {2}};
    struct link *link = NULL;
    char path[100], err[300] = "", expected[300];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/open", base);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0750), 0);
    config.base = path;
    assert_int_equal(link_wire_open(&config, &link, err, sizeof(err)), -1);
    (void)snprintf(expected, sizeof(expected), "others may enter %s; do: chmod 0700 %s", path,
                   path);
    assert_string_equal(err, expected);
    /* Nor is a symbolic link followed. */
    (void)snprintf(expected, sizeof(expected), "%s/link", base);
    assert_int_equal(symlink(base, expected), 0);
    config.base = expected;
    assert_true(link_wire_open(&config, &link, err, sizeof(err)) < 0);
}

static void a_long_path_is_no_obstacle(void **state)
{
    struct link_wire_config config = {.net = "lab", .host = "h", .mac = {2}};
    struct link *a = NULL, *b = NULL;
    char path[200], err[300] = "";
    struct ft_frame frames[2];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/%0120d", base, 7);
    config.base = path;
    assert_int_equal(link_wire_open(&config, &a, err, sizeof(err)), 0);
    assert_int_equal(link_wire_open(&config, &b, err, sizeof(err)), 0);
    assert_int_equal(send_frame(b, 0, 7, 60), 1);
    assert_int_equal(gather(a, frames, 2), 1);
    link_close(a);
    link_close(b);
}

static void a_net_is_a_plain_word(void **state)
{
    static const char *const bad[] = {
        "", ".", "..", "a/b", ".hidden", "a b", "123456789012345678901234567890123"};
    char err[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct link_wire_config config = {.net = bad[i], .mac = {2}, .base = base};
        struct link *link = NULL;

        assert_int_equal(link_wire_open(&config, &link, err, sizeof(err)), -22);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_starts_reaches_those_before_it_at_once),
        cmocka_unit_test(there_is_one_connection_a_pair),
        cmocka_unit_test(frames_go_by_address_and_the_rest_to_all),
        cmocka_unit_test(the_longest_frame_passes_whole),
        cmocka_unit_test(pieces_of_a_frame_arrive_as_one),
        cmocka_unit_test(a_full_pair_drops_for_that_pair_only),
        cmocka_unit_test(a_death_ends_its_own_pairs_only),
        cmocka_unit_test(one_talker_does_not_starve_the_others),
        cmocka_unit_test(of_two_hosts_with_one_mac_the_later_knows),
        cmocka_unit_test(names_of_dead_hosts_are_removed),
        cmocka_unit_test(an_earlier_host_that_shows_itself_later_is_met),
        cmocka_unit_test(without_its_name_and_without_peers_a_wire_is_dead),
        cmocka_unit_test(a_directory_that_others_may_enter_is_refused),
        cmocka_unit_test(a_long_path_is_no_obstacle),
        cmocka_unit_test(a_net_is_a_plain_word),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
