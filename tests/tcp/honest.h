/* SPDX-License-Identifier: MIT */
/*
 * An honest client beside an attack: how long its conversation takes in virtual time, with the
 * attack and without. Resource attacks are judged by it: never more than twice as long.
 */
#ifndef TESTS_TCP_HONEST_H
#define TESTS_TCP_HONEST_H

#include "ladder.h"
#include "many.h"

/* Of a great many steps every thousandth is followed by ft_stack_check(). */
static inline void check_some(struct ladder *t, uint32_t step)
{
    t->unchecked = step % 1000 != 0;
}

/* What the attacker does in the n-th millisecond of the honest conversation. It leaves the present
   peer as it likes; what it has the stack send may lie in the queue. */
typedef void honest_attack(struct ladder *t, unsigned ms);

/**
 * A client of a round-trip time of 10 ms connects to t->listener, sends 60,000 octets and is sent
 * 100,000, with a timeout of 1 s where an answer is missing. It is LADDER_PEERS_MAX - 2.
 *
 * @attack: NULL: there is only what the attack has left behind so far
 *
 * Return: its virtual time from the SYN until both ways are acknowledged.
 */
ft_time honest_time(struct ladder *t, honest_attack *attack);

/** Assert that honest_time() under @attack is at most twice @calm, what it was before. */
void honest_has_half_its_speed(struct ladder *t, honest_attack *attack, ft_time calm);

#endif
