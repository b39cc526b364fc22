/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz"
			       "0123456789+/";

int base64_encode(struct buf *buf, struct slice bytes)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t n = MIN(bytes.n - i, (size_t)3);
		char quad[4] = "====";
		uint32_t word = 0;

		for (size_t k = 0; k < n; k++)
			word |= (uint32_t)(unsigned char)bytes.p[i + k]
			        << (16 - 8 * k);
		for (size_t k = 0; k <= n; k++)
			quad[k] = alphabet[word >> (18 - 6 * k) & 0x3f];
		(void)buf_append(buf, quad, sizeof(quad));
	}
	return buf->failed;
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

int base64_decode(struct buf *buf, struct slice text)
{
	size_t n_padding = 0;
	uint32_t word = 0;
	unsigned n_bits = 0;

	while (n_padding < 2 && text.n > 0 && text.p[text.n - 1] == '=') {
		text.n--;
		n_padding++;
	}
	if (text.n % 4 == 1 || (n_padding && (text.n + n_padding) % 4 != 0))
		return -EINVAL;

	for (size_t i = 0; i < text.n; i++) {
		int value = digit_value(text.p[i]);

		if (value < 0)
			return -EINVAL;
		word = word << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		(void)buf_putc(buf, (char)(word >> n_bits));
		word &= (1u << n_bits) - 1;
	}
	return word == 0 ? buf->failed : -EINVAL;
}
