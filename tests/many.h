/* SPDX-License-Identifier: MIT */
/*
 * How many steps an attack has in a test.
 */
#ifndef TESTS_MANY_H
#define TESTS_MANY_H

/* Sanitizers, or no optimisation, cost a factor of up to ten, so that there an attack
   has fewer steps. */
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define MANY(plain, slow) (slow)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define MANY(plain, slow) (slow)
#endif
#endif
#ifndef MANY
#define MANY(plain, slow) (plain)
#endif

#endif
