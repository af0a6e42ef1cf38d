/* SPDX-License-Identifier: MIT */
/*
 * Sockets, counters and events read as those who know ss(8) expect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "diag/addr.h"
#include "diag/counters.h"
#include "diag/socket.h"
#include "diag/table.h"
#include "diag/trace.h"
#include "name.h"

static struct ft_sock_info info_of(uint8_t state, const char *local, const char *remote)
{
    struct ft_sock_info info = {.protocol = IPPROTO_TCP, .state = state, .family = AF_INET};

    parse_name(local, &info.local, &info.local_port);
    parse_name(remote, &info.remote, &info.remote_port);
    info.mss = 1460;
    info.cwnd = 14600;
    info.ssthresh = UINT32_MAX;
    info.srtt_us = 20500;
    info.rttvar_us = 250;
    info.rto_us = 220500;
    return info;
}

static void add(struct table *table, const struct ft_sock_info *info, const char *process)
{
    char line[SOCKET_LINE_MAX], *fields[SOCKET_FIELDS], *at = line;

    (void)socket_line(info, process, line);
    for (int i = 0; i < SOCKET_FIELDS; i++) {
        fields[i] = at;
        at = strchr(at, '\t');
        assert_true((at != NULL) == (i < SOCKET_FIELDS - 1));
        if (at != NULL)
            *at++ = '\0';
    }
    assert_int_equal(table_add(table, "web", fields), 0);
}

static struct table *three(void)
{
    struct ft_sock_info listen = info_of(FT_TCP_LISTEN, "0.0.0.0:80", "0.0.0.0:0");
    struct ft_sock_info active = info_of(FT_TCP_ESTABLISHED, "10.7.0.1:80", "10.7.0.2:40000");
    struct ft_sock_info udp = info_of(FT_TCP_CLOSED, "[fd07::2]:53", "[::]:0");
    struct table *table = table_new();

    listen.send_q = 5;
    active.send_q = 123456;
    udp.protocol = IPPROTO_UDP;
    udp.family = AF_INET6;
    add(table, &listen, "users:((\"ng\tinx\",pid=12,fd=3))");
    add(table, &active, "");
    add(table, &udp, "");
    return table;
}

static void printed(void (*print)(FILE *out), char *ret, size_t len)
{
    FILE *out = tmpfile();
    size_t n;

    assert_non_null(out);
    print(out);
    rewind(out);
    n = fread(ret, 1, len - 1, out);
    ret[n] = '\0';
    (void)fclose(out);
}

static void print_columns(FILE *out)
{
    struct table_options options = {.process = true, .info = true, .header = true};
    struct table *table = three();

    table_print(table, &options, out);
    table_free(table);
}

static void the_table_has_the_columns_and_words_of_ss(void **state)
{
    char text[4000];

    (void)state;
    printed(print_columns, text, sizeof(text));
    assert_string_equal(
        text,
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port  Process\n"
        "tcp   LISTEN      0      5       0.0.0.0:80        0.0.0.0:*     "
        "users:((\"ng?inx\",pid=12,fd=3))\n"
        "tcp   ESTAB       0 123456      10.7.0.1:80       10.7.0.2:40000\n"
        "\t rto:220 rtt:20.5/0.25 mss:1460 cwnd:10 bytes_sent:0 bytes_retrans:0 bytes_acked:0 "
        "bytes_received:0 segs_out:0 segs_in:0 retrans:0/0 snd_wnd:0 rcv_wnd:0\n"
        "udp   UNCONN      0      0     [fd07::2]:53              *:*\n");
}

/* As ss prints them, when there is something to print. */
static void congestion_control_and_rates_are_told(void **state)
{
    struct ft_sock_info info = info_of(FT_TCP_ESTABLISHED, "10.7.0.1:80", "10.7.0.2:40000");
    char line[SOCKET_LINE_MAX];

    (void)state;
    memcpy(info.congestion, "bbr", 4);
    info.pacing_rate = 1250000;
    info.delivery_rate = 1249000;
    info.min_rtt_us = 40120;
    (void)socket_line(&info, "", line);
    assert_non_null(strstr(line, "\tbbr rto:220 "));
    assert_non_null(strstr(line, " pacing_rate 10000000bps delivery_rate 9992000bps minrtt:40.12"));
    info.pacing_rate = UINT64_MAX;
    (void)socket_line(&info, "", line);
    assert_null(strstr(line, "pacing"));
}

/* What is 0 is left out, and so is the usual reordering. */
static void counts_are_told_by_the_words_of_ss(void **state)
{
    struct ft_sock_info info = info_of(FT_TCP_ESTABLISHED, "10.7.0.1:80", "10.7.0.2:40000");
    char line[SOCKET_LINE_MAX];

    (void)state;
    info.reordering = 3;
    (void)socket_line(&info, "", line);
    assert_null(strstr(line, "reordering"));
    info.reordering = 5;
    info.backoff = 1;
    info.last_sent_ms = 2;
    info.last_recv_ms = 4;
    info.last_ack_ms = 6;
    info.delivered = 7;
    info.unacked = 8;
    info.lost = 9;
    info.sacked = 10;
    info.dsack_dups = 11;
    info.reord_seen = 12;
    info.ooo_in = 13;
    info.notsent = 14;
    info.total_rto = 15;
    info.data_segs_out = 18;
    info.data_segs_in = 19;
    info.rto_episodes = 3;
    info.rto_ms = 21;
    info.fastopen_fail = 2;
    info.busy_ms = 200;
    info.window_limited_ms = 50;
    info.buffer_limited_ms = 25;
    info.app_limited = true;
    info.again = 16;
    info.segs_retrans = 17;
    (void)socket_line(&info, "", line);
    assert_non_null(strstr(line, " retrans:16/17 "));
    assert_non_null(strstr(line, " backoff:1 lastsnd:2 lastrcv:4 lastack:6 data_segs_out:18 "
                                 "data_segs_in:19 delivered:7 unacked:8 lost:9 sacked:10 "
                                 "dsack_dups:11 reordering:5 reord_seen:12 "
                                 "rcv_ooopack:13 notsent:14 total_rto:15 total_rto_recoveries:3 "
                                 "total_rto_time:21 fastopen_client_fail:2 busy:200ms "
                                 "rwnd_limited:50ms(25.0%) sndbuf_limited:25ms(12.5%) "
                                 "app_limited"));
}

static void print_hosts(FILE *out)
{
    struct table_options options = {.hosts = true};
    struct table *table = three();

    table_print(table, &options, out);
    table_free(table);
}

static void hosts_are_told_apart_when_there_are_several(void **state)
{
    char text[4000];

    (void)state;
    printed(print_hosts, text, sizeof(text));
    assert_non_null(strstr(text, "10.7.0.2:40000 host:web\n"));
}

static void print_json(FILE *out)
{
    struct table *table = three();

    table_print_json(table, out);
    table_free(table);
}

static void json_is_an_object_a_line(void **state)
{
    static const char first[] =
        "{\"host\":\"web\",\"netid\":\"tcp\",\"state\":\"LISTEN\",\"family\":4,"
        "\"recv_q\":0,\"send_q\":5,\"local_address\":\"0.0.0.0\",\"local_port\":80,"
        "\"peer_address\":\"0.0.0.0\",\"peer_port\":null,"
        "\"process\":\"users:((\\\"ng?inx\\\",pid=12,fd=3))\",\"info\":{}}\n";

    char text[4000];

    (void)state;
    printed(print_json, text, sizeof(text));
    assert_true(strncmp(text, first, sizeof(first) - 1) == 0);
    assert_non_null(strstr(text, "\"info\":{\"rto\":220,\"rtt\":\"20.5/0.25\",\"mss\":1460,"));
    assert_non_null(strstr(text, "\"local_address\":\"fd07::2\",\"local_port\":53"));
    if (system("command -v python3 >/dev/null") == 0) {
        FILE *out = popen("python3 -c 'import sys,json\nfor l in sys.stdin: json.loads(l)'", "w");

        assert_non_null(out);
        print_json(out);
        assert_int_equal(pclose(out), 0);
    }
}

static void every_state_has_the_word_of_ss(void **state)
{
    static const char *const words[] = {"",           "ESTAB",      "SYN-SENT",  "SYN-RECV",
                                        "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN",
                                        "CLOSE-WAIT", "LAST-ACK",   "LISTEN",    "CLOSING"};

    (void)state;
    for (uint8_t i = FT_TCP_ESTABLISHED; i <= FT_TCP_CLOSING; i++)
        assert_string_equal(socket_state_word(i), words[i]);
}

static void count_one(void *ctx, const char *name, uint64_t value, const char *text)
{
    uint64_t *sum = ctx;

    assert_true(name[0] != '\0' && text[0] != '\0');
    *sum += value;
}

static void every_counter_is_told_once(void **state)
{
    struct ft_counters counters;
    uint64_t *values = (uint64_t *)&counters, sum = 0, expected = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(counters) / sizeof(uint64_t); i++) {
        values[i] = i * i + 1;
        expected += values[i];
    }
    counters_each(&counters, count_one, &sum);
    assert_true(sum == expected);
    assert_string_equal(counters_verdict(FT_RX_DROP_CHECKSUM), "drop_checksum");
    assert_string_equal(counters_verdict(FT_RX_N), "unknown");
}

static void an_event_is_one_line(void **state)
{
    struct ft_frame frame = {.len = 66};
    struct ft_trace_event event = {.kind = FT_TRACE_RX,
                                   .verdict = FT_RX_ACTIVE,
                                   .ifindex = 2,
                                   .at = FT_SEC + 200300,
                                   .local_port = 80,
                                   .remote_port = 4711,
                                   .frame = &frame};
    char line[TRACE_LINE_MAX];

    (void)state;
    event.local = addr_from_ip4(0x0a070002);
    event.remote = addr_from_ip4(0x0a070001);
    (void)trace_line(&event, line);
    assert_string_equal(line, "1.000200300 in  if2 10.7.0.2:80 - 10.7.0.1:4711 66 octets: active");
    event.kind = FT_TRACE_STATE;
    event.old_state = FT_TCP_SYN_RECEIVED;
    event.new_state = FT_TCP_ESTABLISHED;
    (void)trace_line(&event, line);
    assert_string_equal(line, "1.000200300 state 10.7.0.2:80 - 10.7.0.1:4711: SYN-RECV to ESTAB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_the_columns_and_words_of_ss),
        cmocka_unit_test(congestion_control_and_rates_are_told),
        cmocka_unit_test(counts_are_told_by_the_words_of_ss),
        cmocka_unit_test(hosts_are_told_apart_when_there_are_several),
        cmocka_unit_test(json_is_an_object_a_line),
        cmocka_unit_test(every_state_has_the_word_of_ss),
        cmocka_unit_test(every_counter_is_told_once),
        cmocka_unit_test(an_event_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
