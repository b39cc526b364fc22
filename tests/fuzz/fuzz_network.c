/* SPDX-License-Identifier: Apache-2.0 */
/* network: refused with words, or a network with no more bits than its family
 * has, in which the address that it was made of is found. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "proto/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool has(const struct network *network, const uint8_t *bytes, bool ipv6)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	memcpy(&six.sin6_addr, bytes, sizeof(six.sin6_addr));
	memcpy(&four.sin_addr, bytes, sizeof(four.sin_addr));
	return network_has(network, ipv6 ? (struct sockaddr *)&six
	                                 : (struct sockaddr *)&four);
}

static void check(const struct network *network)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t bytes[16];

	require(network->n_bits <= (network->is_ipv6 ? 128 : 32));
	memcpy(bytes, network->bytes, sizeof(bytes));
	/* of IPv4 in the clothes of IPv6 the network is never one of IPv6 */
	if (!network->is_ipv6 || memcmp(bytes, mapped, sizeof(mapped)) != 0)
		require(has(network, bytes, network->is_ipv6));
	if (network->n_bits == 0)
		return;
	bytes[0] ^= 0x80;
	require(!has(network, bytes, network->is_ipv6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy without a byte to spare */
	char *copy = malloc(size ? size : 1);
	struct network network = { 0 };
	struct err err = { 0 };
	int r;

	require(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	r = network_parse(slice_make(copy, size), &network, &err);
	require((r == 0) == (err.message[0] == '\0'));
	if (r == 0)
		check(&network);
	free(copy);
	return 0;
}
