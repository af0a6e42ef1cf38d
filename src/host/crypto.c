/* SPDX-License-Identifier: MIT */
/*
 * What signs segments (struct ft_auth), by OpenSSL's libcrypto: MD5 for RFC 2385, HMAC and CMAC for
 * RFC 5926 and what Linux has besides. A build without libcrypto offers neither.
 */
#include <errno.h>
#include <string.h>

#include <fourtuple/host.h>

#ifdef FT_LIBCRYPTO

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

/* Linux's names. */
static const struct alg {
    const char *name;
    const char *digest; /* of an HMAC; NULL: CMAC with AES-128 */
    size_t len;
} algs[] = {
    {"hmac(sha1)", "SHA1", 20},     {"cmac(aes128)", NULL, 16},     {"cmac(aes)", NULL, 16},
    {"hmac(sha256)", "SHA256", 32}, {"hmac(sha224)", "SHA224", 28}, {"hmac(sha384)", "SHA384", 48},
    {"hmac(sha512)", "SHA512", 64}, {"hmac(md5)", "MD5", 16},
};

#define N_ALGS     (sizeof(algs) / sizeof(algs[0]))
#define AES128_LEN 16

/* Found once in the process: looking them up takes longer than a MAC. They are never changed. */
static struct {
    pthread_once_t once;
    EVP_MD *md5;
    EVP_MAC *hmac, *cmac;
} found = {.once = PTHREAD_ONCE_INIT};

static void find(void)
{
    found.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    found.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    found.cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
}

static int md5(void *ctx, const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = md != NULL && found.md5 != NULL && EVP_DigestInit_ex2(md, found.md5, NULL);

    (void)ctx;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(md, parts[i].data, parts[i].len);
    ok = ok && EVP_DigestFinal_ex(md, ret, NULL);
    EVP_MD_CTX_free(md);
    return ok ? 0 : -ENOTSUP;
}

static int mac_find(void *ctx, const char *name, size_t *ret_len)
{
    (void)ctx;
    for (size_t i = 0; i < N_ALGS; i++) {
        if (strcmp(algs[i].name, name) != 0)
            continue;
        *ret_len = algs[i].len;
        return (int)i;
    }
    return -ENOENT;
}

static int mac(void *ctx, int alg, const struct ft_span *key, const struct ft_span *parts, size_t n,
               uint8_t ret[FT_AUTH_MAC_LEN_MAX])
{
    const struct alg *a = &algs[alg];
    OSSL_PARAM params[2] = {
        a->digest != NULL
            ? OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)a->digest, 0)
            : OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)"AES-128-CBC", 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *mc = EVP_MAC_CTX_new(a->digest != NULL ? found.hmac : found.cmac);
    size_t len = 0;
    /* A pointer of NULL would mean the key of before, of which there is none. */
    const uint8_t *octets = key->len > 0 ? key->data : (const uint8_t *)"";
    int ok = mc != NULL && (a->digest != NULL || key->len == AES128_LEN) &&
             EVP_MAC_init(mc, octets, key->len, params);

    (void)ctx;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(mc, parts[i].data, parts[i].len);
    ok = ok && EVP_MAC_final(mc, ret, &len, FT_AUTH_MAC_LEN_MAX) && len == a->len;
    EVP_MAC_CTX_free(mc);
    return ok ? 0 : -EINVAL;
}

void ft_host_auth(struct ft_auth *ret)
{
    *ret = (struct ft_auth){.md5 = NULL};
    if (pthread_once(&found.once, find) != 0)
        return;
    if (found.md5 != NULL)
        ret->md5 = md5;
    if (found.hmac != NULL && found.cmac != NULL) {
        ret->mac_find = mac_find;
        ret->mac = mac;
    }
}

#else

void ft_host_auth(struct ft_auth *ret)
{
    *ret = (struct ft_auth){.md5 = NULL};
}

#endif
