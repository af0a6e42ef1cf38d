/* SPDX-License-Identifier: MIT */
/*
 * Checksums with and without pseudo header, against one that is computed by the book over octets
 * that are laid out here.
 */
#include "octets.h"

#include "wire/csum.h"

/* RFC 9293 3.1: source, destination, zero, protocol, length. */
static size_t pseudo4(uint8_t *p, const struct ft_addr *src, const struct ft_addr *dst,
                      uint8_t proto, uint16_t len)
{
    addr_store4(p, src);
    addr_store4(p + 4, dst);
    p[8] = 0;
    p[9] = proto;
    be16_store(p + 10, len);
    return 12;
}

/* RFC 8200 8.1: source, destination, length, zero, next header. */
static size_t pseudo6(uint8_t *p, const struct ft_addr *src, const struct ft_addr *dst,
                      uint8_t proto, uint32_t len)
{
    addr_store16(p, src);
    addr_store16(p + 16, dst);
    be32_store(p + 32, len);
    be32_store(p + 36, proto);
    return 40;
}

static void l4_checksum_is_that_of_the_laid_out_pseudo_header(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        bool v4 = rnd(&seed) % 2 == 0;
        size_t len = (size_t)(rnd(&seed) % 200);
        uint8_t proto = (uint8_t)rnd(&seed);
        struct ft_addr src = v4 ? rnd_addr4(&seed) : rnd_addr6(&seed);
        struct ft_addr dst = v4 ? rnd_addr4(&seed) : rnd_addr6(&seed);
        uint8_t buf[40 + 200];
        size_t off = v4 ? pseudo4(buf, &src, &dst, proto, (uint16_t)len)
                        : pseudo6(buf, &src, &dst, proto, (uint32_t)len);

        rnd_fill(&seed, buf + off, len);
        assert_int_equal(csum_l4(&src, &dst, proto, buf + off, len), naive_csum(buf, off + len));
    }
}

static void a_stored_checksum_is_good_and_any_flipped_bit_is_not(void **state)
{
    struct ft_addr src = addr_v4(0x0a070001);
    struct ft_addr dst = addr_v4(0x0a070002);
    uint64_t seed = 4;
    uint8_t buf[64];

    (void)state;
    rnd_fill(&seed, buf, sizeof(buf));
    be16_store(buf + 6, 0);
    be16_store(buf + 6, csum_l4(&src, &dst, 17, buf, sizeof(buf)));
    assert_true(csum_l4_good(&src, &dst, 17, buf, sizeof(buf)));
    for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(csum_l4_good(&src, &dst, 17, buf, sizeof(buf)));
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(csum_l4_good(&src, &dst, 6, buf, sizeof(buf)));
}

static void lengths_above_64k_count_in_the_ipv6_pseudo_header(void **state)
{
    struct ft_addr src = {1, 2};
    struct ft_addr dst = {3, 4};

    (void)state;
    assert_int_not_equal(csum_finish(csum_pseudo(&src, &dst, 6, 0x10005)),
                         csum_finish(csum_pseudo(&src, &dst, 6, 0x5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l4_checksum_is_that_of_the_laid_out_pseudo_header),
        cmocka_unit_test(a_stored_checksum_is_good_and_any_flipped_bit_is_not),
        cmocka_unit_test(lengths_above_64k_count_in_the_ipv6_pseudo_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
