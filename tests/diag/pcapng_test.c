/* SPDX-License-Identifier: MIT */
/*
 * A capture is what capinfos and tshark take without a complaint, and keeps names, nanoseconds and
 * directions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "diag/pcapng.h"

static char path[] = "/tmp/ft-pcapng-XXXXXX";

/* An ARP request, padded to the least length of Ethernet. */
static const uint8_t arp[60] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,  1, 8, 6,
                                0,   1,   8,   0,   6,   4,   0, 1, 2, 0, 0,  0, 0, 1,
                                10,  7,   0,   1,   0,   0,   0, 0, 0, 0, 10, 7, 0, 2};

/* A bare IPv4 packet: UDP, one octet. */
static const uint8_t udp[29] = {0x45, 0,  0, 29, 0, 0, 0,    0,    64, 17, 0x66, 0xb0, 10, 7,  0,
                                1,    10, 7, 0,  2, 4, 0xd2, 0x16, 46, 0,  9,    0,    0,  'x'};

static int begin(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_two(void)
{
    uint8_t first[20];
    struct ft_span spans[2] = {{first, sizeof(first)}, {NULL, sizeof(arp) - sizeof(first)}};
    struct pcapng_packet packet = {.spans = spans, .n_spans = 2};
    uint8_t rest[sizeof(arp) - sizeof(first)];
    struct pcapng *pcapng;

    assert_int_equal(pcapng_open(path, &pcapng), 0);
    pcapng_epoch(pcapng, 1700000000 * FT_SEC);
    assert_int_equal(pcapng_interface(pcapng, "lab", PCAPNG_ETHER, 1500), 0);
    assert_int_equal(pcapng_interface(pcapng, "lo", PCAPNG_IP, 65535), 1);
    memcpy(first, arp, sizeof(first));
    memcpy(rest, arp + sizeof(first), sizeof(rest));
    spans[1].data = rest;
    packet.at = 123456789;
    packet.direction = PCAPNG_OUT;
    packet.comment = "who has it?";
    assert_int_equal(pcapng_write(pcapng, &packet), 0);
    assert_int_equal(pcapng_packet(pcapng, 1, FT_SEC, udp, sizeof(udp), PCAPNG_IN), 0);
    assert_int_equal(pcapng_close(pcapng), 0);
}

/* Runs a tool over the capture; its output, errors included, goes to ret. Skips without the tool.
 */
static void tool_says(const char *tool, const char *arguments, char *ret, size_t len)
{
    char command[300];
    size_t n;
    FILE *out;

    (void)snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
    if (system(command) != 0) {
        print_message("%s is not installed\n", tool);
        skip();
    }
    (void)snprintf(command, sizeof(command), "%s %s %s 2>&1 | grep -v 'Running as user'", tool,
                   arguments, path);
    out = popen(command, "r");
    assert_non_null(out);
    n = fread(ret, 1, len - 1, out);
    ret[n] = '\0';
    assert_int_equal(pclose(out), 0);
}

static void blocks_are_aligned_and_their_lengths_agree(void **state)
{
    uint8_t octets[2000];
    size_t n, at = 0, n_blocks = 0;
    FILE *file;

    (void)state;
    write_two();
    file = fopen(path, "rb");
    assert_non_null(file);
    n = fread(octets, 1, sizeof(octets), file);
    (void)fclose(file);
    while (at < n) {
        uint32_t size, again;

        memcpy(&size, octets + at + 4, sizeof(size));
        assert_int_equal(size % 4, 0);
        assert_true(size >= 12 && size <= n - at);
        memcpy(&again, octets + at + size - 4, sizeof(again));
        assert_int_equal(size, again);
        at += size;
        n_blocks++;
    }
    assert_int_equal(n_blocks, 5);
}

static void capinfos_is_content(void **state)
{
    char text[4000];

    (void)state;
    write_two();
    tool_says("capinfos", "-M", text, sizeof(text));
    assert_non_null(strstr(text, "Number of packets:   2"));
    assert_non_null(strstr(text, "Number of interfaces in file: 2"));
    assert_non_null(strstr(text, "Name = lab"));
    assert_non_null(strstr(text, "Name = lo"));
    assert_non_null(strstr(text, "Time precision = nanoseconds (9)"));
}

static void tshark_reads_what_was_written(void **state)
{
    char text[4000];

    (void)state;
    write_two();
    tool_says(
        "tshark",
        "-T fields -e frame.interface_name -e frame.time_epoch -e frame.packet_flags_direction"
        " -e frame.len -e _ws.col.Protocol -e frame.comment -r",
        text, sizeof(text));
    assert_string_equal(text, "lab\t1700000000.123456789\t0x00000002\t60\tARP\twho has it?\n"
                              "lo\t1700000001.000000000\t0x00000001\t29\tUDP\t\n");
}

static void an_unwritable_path_is_an_error(void **state)
{
    struct pcapng *pcapng;

    (void)state;
    assert_int_equal(pcapng_open("/nowhere/at/all.pcapng", &pcapng), -2);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(pcapng_open("/dev/full", &pcapng), -5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_their_lengths_agree),
        cmocka_unit_test(capinfos_is_content),
        cmocka_unit_test(tshark_reads_what_was_written),
        cmocka_unit_test(an_unwritable_path_is_an_error),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
