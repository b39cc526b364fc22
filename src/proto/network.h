/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network: addresses and networks in CIDR notation (RFC 4632, RFC 4291), and
 * whether an address is in one.
 *
 *     10.0.0.0/8    192.0.2.7    2001:db8::/32    ::1
 *
 * An address alone is itself and no other, of either family. What IPv6 says
 * of IPv4 (::ffff:10.1.2.3, as a socket of both families does) is IPv4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

struct sockaddr;

struct network {
	uint8_t bytes[16]; /* the first 4 of IPv4 */
	uint8_t n_bits;    /* that count */
	bool is_ipv6;
};

/* 0 or -EINVAL with words. Bits of the address behind its prefix are not
 * looked at: 10.1.2.3/8 is what its author thinks it is. */
int network_parse(struct slice text, struct network *network,
                  struct err *err) MUST_CHECK;

/* Of what is no IP address: false. */
bool network_has(const struct network *network, const struct sockaddr *address);
