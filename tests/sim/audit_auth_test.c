/* SPDX-License-Identifier: MIT */
/*
 * The auditor verifies signatures: it agrees with the packets of RFC 9235, sees one bit that is
 * wrong, and what is not signed; what arrives so it takes for nothing.
 */
#include "audit_wire.h"

#define ETHER  14
#define TCP_AT (ETHER + 20)

/* RFC 9235 4.1.1, 4.1.2, 4.1.3: a handshake and octets, HMAC-SHA-1-96, all options covered. */
static const char *const exchange[] = {
    "45e0004cdd0f4000ff06bf6b0a0b0c0dac1b1c1de9d700b3fbfbab5a00000000e002ffffcac40000020405b4"
    "010303080402080a00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7",
    "45e0004c65064000ff063775ac1b1c1d0a0b0c0d00b3e9d711c14261fbfbab5be012ffff37760000020405b4"
    "010303080402080a84a50beb00155ab71d10543deeab0fe24c3010815116b3be",
    "45e0008736a14000ff06659f0a0b0c0dac1b1c1de9d700b3fbfbab5b11c14262c0180104a16200000101080a"
    "00155ac184a50beb1d103d547064cf998cc6c315c2c2e2bfffffffffffffffffffffffffffffffff00430104"
    "dabf00b40a0b0c0d26020601040001000102028000020202000202420002064104"
    "0000dabf02084006006400010100",
};

/* What the ends of the exchange sign by: RFC 9235 3.1.1, 3.1.2. */
static void key_of(const void *ctx, const struct sight *s, struct sim_audit_key *ret)
{
    static const uint8_t client = 0x3d, server = 0x54;
    bool is_client = s->src_port == 0xe9d7;

    *ret = (struct sim_audit_key){.kind = *(const uint8_t *)ctx, .len = 10};
    memcpy(ret->octets, "testvector", 10);
    ret->key_id = is_client ? client : server;
    ret->rnext_id = is_client ? server : client;
}

struct scene {
    struct sim_audit *audit;
    uint8_t kind; /* enum sim_key_kind */
    struct sight sight;
    uint8_t frame[256];
    size_t len;
};

static int begin(void **state)
{
    struct sim_audit_host hosts[2] = {{.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .n_addrs = 1},
                                      {.mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500, .n_addrs = 1}};
    struct scene *t = calloc(1, sizeof(*t));

    hosts[0].addrs[0].lo = UINT64_C(0xffff0a0b0c0d);
    hosts[1].addrs[0].lo = UINT64_C(0xffffac1b1c1d);
    t->kind = SIM_KEY_AO;
    t->audit = ft_sim_audit_new(hosts, 2);
    ft_sim_audit_sign(t->audit, key_of, &t->kind);
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    ft_sim_audit_free(t->audit);
    free(t);
    return 0;
}

/* Make the checksum right, which the MAC does not cover. */
static void sum(struct scene *t)
{
    uint8_t *tcp = t->frame + TCP_AT;
    size_t len = t->len - TCP_AT;

    audit_put16(tcp + 16, 0);
    audit_put16(tcp + 16,
                audit_sum(tcp, len, 0x0a0b + 0x0c0d + 0xac1b + 0x1c1d + 6 + (uint32_t)len));
}

static void load(struct scene *t, uint32_t from, const char *hex)
{
    const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

    memcpy(t->frame, macs[1 - from], 6);
    memcpy(t->frame + 6, macs[from], 6);
    audit_put16(t->frame + 12, 0x0800);
    t->len = ETHER + strlen(hex) / 2;
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        t->frame[ETHER + i] = (uint8_t)strtoul(two, NULL, 16);
    }
    sum(t);
}

/* Change an octet of the TCP header or after it. */
static void damage(struct scene *t, size_t at)
{
    t->frame[TCP_AT + at] ^= 1;
    sum(t);
}

static const char *leave(struct scene *t, uint32_t from)
{
    struct sim_audit_frame frame = {from, t->frame, t->len, 0, false};

    return ft_sim_audit_sent(t->audit, &frame, &t->sight);
}

static void arrive(struct scene *t, uint32_t from)
{
    struct sim_audit_frame frame = {1 - from, t->frame, t->len, 0, false};

    assert_null(ft_sim_audit_arrived(t->audit, &frame, &t->sight));
}

static void says(const char *sentence, const char *word)
{
    assert_non_null(sentence);
    if (strstr(sentence, word) == NULL)
        fail_msg("the sentence is: %s", sentence);
}

static void the_packets_of_the_rfc_are_right(void **state)
{
    struct scene *t = *state;

    for (uint32_t i = 0; i < 3; i++) {
        load(t, i % 2, exchange[i]);
        assert_null(leave(t, i % 2));
        arrive(t, i % 2);
    }
}

/* RFC 5925 5.1: whatever is changed is covered: a number, an option, an octet, the MAC itself. */
static void one_bit_is_seen(void **state)
{
    static const size_t places[] = {5, 24, 40, 59, 70};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct scene *t = *state;

        for (uint32_t k = 0; k < 2; k++) {
            load(t, k, exchange[k]);
            assert_null(leave(t, k));
            arrive(t, k);
        }
        load(t, 0, exchange[2]);
        damage(t, places[i]);
        says(leave(t, 0), "wrong MAC");
        end(state);
        begin(state);
    }
}

static void a_key_that_is_not_the_one_is_seen(void **state)
{
    struct scene *t = *state;

    load(t, 0, exchange[0]);
    damage(t, 42); /* KeyID */
    says(leave(t, 0), "names another key");
    load(t, 0, exchange[0]);
    t->kind = SIM_KEY_NONE;
    says(leave(t, 0), "nobody has a key");
    t->kind = SIM_KEY_MD5;
    says(leave(t, 0), "without the signature");
}

/* What has come with a wrong MAC has not come: it must not be acknowledged. */
static void what_arrives_unsigned_is_nothing(void **state)
{
    struct scene *t = *state;

    load(t, 0, exchange[0]);
    assert_null(leave(t, 0));
    damage(t, 50);
    arrive(t, 0);
    load(t, 1, exchange[1]);
    says(leave(t, 1), "a SYN that has not reached it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_packets_of_the_rfc_are_right, begin, end),
        cmocka_unit_test_setup_teardown(one_bit_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(a_key_that_is_not_the_one_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(what_arrives_unsigned_is_nothing, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
