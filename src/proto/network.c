/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "base/number.h"

static int parse_address(struct slice text, struct network *network)
{
	char copy[INET6_ADDRSTRLEN];

	*network = (struct network){ 0 };
	if (text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return -EINVAL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	network->n_bits = 32;
	if (inet_pton(AF_INET, copy, network->bytes) == 1)
		return 0;
	network->n_bits = 128;
	network->is_ipv6 = true;
	return inet_pton(AF_INET6, copy, network->bytes) == 1 ? 0 : -EINVAL;
}

static bool is_mapped(const uint8_t bytes[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* IPv4 that is written as IPv6. */
static void unmap(struct network *network)
{
	if (!network->is_ipv6 || network->n_bits < 96 ||
	    !is_mapped(network->bytes))
		return;
	memmove(network->bytes, network->bytes + 12, 4);
	memset(network->bytes + 4, 0, 12);
	network->n_bits -= 96;
	network->is_ipv6 = false;
}

/* Of the byte at @at. */
static uint8_t mask(const struct network *network, size_t at)
{
	size_t before = 8 * at;

	if (network->n_bits >= before + 8)
		return 0xff;
	if (network->n_bits <= before)
		return 0;
	return (uint8_t)(0xff00 >> (network->n_bits - before));
}

static int parse_length(struct slice text, struct network *network,
                        struct err *err)
{
	uint64_t n = 0;

	if (number_parse_u64(text, &n) < 0 || n > network->n_bits)
		return err_set(err, -EINVAL,
		               "\"" SLICE_FMT "\" is no length of a prefix; "
		               "0 to %d",
		               (int)MIN(text.n, 32), text.p, network->n_bits);
	network->n_bits = (uint8_t)n;
	return 0;
}

int network_parse(struct slice text, struct network *network, struct err *err)
{
	const char *slash = memchr(text.p, '/', text.n);
	struct slice address =
		slice_make(text.p, slash ? (size_t)(slash - text.p) : text.n);
	int r;

	if (parse_address(address, network) < 0)
		return err_set(err, -EINVAL,
		               "\"" SLICE_FMT "\" is no address; write "
		               "192.0.2.7, 10.0.0.0/8, ::1 or 2001:db8::/32",
		               (int)MIN(text.n, 64), text.p);
	if (slash) {
		r = parse_length(slice_skip(text, address.n + 1), network, err);
		if (r < 0)
			return r;
	}
	unmap(network);
	return 0;
}

static bool read_sockaddr(const struct sockaddr *address,
                          struct network *network)
{
	*network = (struct network){ .n_bits = 32 };
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		memcpy(network->bytes, &in->sin_addr, 4);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)address;

		network->n_bits = 128;
		network->is_ipv6 = true;
		memcpy(network->bytes, &in->sin6_addr, 16);
		unmap(network);
		return true;
	}
	return false;
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
	struct network other;

	if (!read_sockaddr(address, &other) ||
	    other.is_ipv6 != network->is_ipv6)
		return false;
	for (size_t i = 0; i < sizeof(network->bytes); i++) {
		if ((network->bytes[i] ^ other.bytes[i]) & mask(network, i))
			return false;
	}
	return true;
}
