/* SPDX-License-Identifier: MIT */
/*
 * The digests of the simulator are the real ones: the vectors of RFC 1321 A.5 and RFC 2202 3; and a
 * message is the same in whatever parts it comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/digest.h"

static struct ft_span span_of(const char *text)
{
    return (struct ft_span){(uint8_t *)(uintptr_t)text, strlen(text)};
}

static void hex_is(const uint8_t *octets, size_t n, const char *want)
{
    char text[2 * FT_AUTH_MAC_LEN_MAX + 1] = "";

    for (size_t i = 0; i < n; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", octets[i]);
    assert_string_equal(text, want);
}

/* RFC 1321 A.5. */
static void md5_is_that_of_its_rfc(void **state)
{
    static const char *const cases[][2] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    uint8_t digest[FT_AUTH_MD5_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_span part = span_of(cases[i][0]);

        digest_md5(&part, 1, digest);
        hex_is(digest, sizeof(digest), cases[i][1]);
    }
}

/* RFC 2202 3. */
static void hmac_sha1_is_that_of_its_rfc(void **state)
{
    static uint8_t octets[80], data[50];
    struct ft_span key = {octets, 20};
    struct ft_span part = span_of("Hi There");
    uint8_t mac[DIGEST_SHA1_LEN];

    (void)state;
    memset(octets, 0x0b, sizeof(octets));
    digest_hmac_sha1(&key, &part, 1, mac);
    hex_is(mac, sizeof(mac), "b617318655057264e28bc0b6fb378c8ef146be00");
    key = span_of("Jefe");
    part = span_of("what do ya want for nothing?");
    digest_hmac_sha1(&key, &part, 1, mac);
    hex_is(mac, sizeof(mac), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(octets, 0xaa, sizeof(octets));
    memset(data, 0xdd, sizeof(data));
    key = (struct ft_span){octets, 20};
    part = (struct ft_span){data, 50};
    digest_hmac_sha1(&key, &part, 1, mac);
    hex_is(mac, sizeof(mac), "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    key = (struct ft_span){octets, 80};
    part = span_of("Test Using Larger Than Block-Size Key - Hash Key First");
    digest_hmac_sha1(&key, &part, 1, mac);
    hex_is(mac, sizeof(mac), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

static void parts_do_not_matter(void **state)
{
    static uint8_t data[300];
    uint8_t whole[FT_AUTH_MD5_LEN], cut[FT_AUTH_MD5_LEN];
    struct ft_span all = {data, sizeof(data)};

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    digest_md5(&all, 1, whole);
    for (size_t at = 0; at <= sizeof(data); at++) {
        struct ft_span parts[3] = {{data, at}, {NULL, 0}, {data + at, sizeof(data) - at}};

        digest_md5(parts, 3, cut);
        assert_memory_equal(cut, whole, sizeof(cut));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_is_that_of_its_rfc),
        cmocka_unit_test(hmac_sha1_is_that_of_its_rfc),
        cmocka_unit_test(parts_do_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
