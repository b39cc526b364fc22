/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha1.h"

#include <stddef.h>
#include <string.h>

#define BLOCK       64
#define LENGTH_SIZE 8 /* of the length at the end of the last block */

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + 0x5a827999u;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1u;
	case 2:
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
	default:
		return (b ^ c ^ d) + 0xca62c1d6u;
	}
}

static void schedule(const uint8_t *block, uint32_t words[80])
{
	for (size_t i = 0; i < 16; i++)
		words[i] = (uint32_t)block[4 * i] << 24 |
		           (uint32_t)block[4 * i + 1] << 16 |
		           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = 16; i < 80; i++)
		words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^
		                          words[i - 16],
		                  1);
}

static void add_block(uint32_t hash[5], const uint8_t *block)
{
	uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
	uint32_t e = hash[4];
	uint32_t words[80];

	schedule(block, words);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + words[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	hash[0] += a;
	hash[1] += b;
	hash[2] += c;
	hash[3] += d;
	hash[4] += e;
}

static void put_be(uint8_t *out, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
}

void sha1(struct slice bytes, uint8_t digest[SHA1_SIZE])
{
	uint32_t hash[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
		             0xc3d2e1f0u };
	uint64_t n_bits = (uint64_t)bytes.n * 8;
	uint8_t tail[2 * BLOCK] = { 0 };
	size_t n_tail;

	while (bytes.n >= BLOCK) {
		add_block(hash, (const uint8_t *)bytes.p);
		bytes = slice_skip(bytes, BLOCK);
	}
	if (bytes.n)
		memcpy(tail, bytes.p, bytes.n);
	tail[bytes.n] = 0x80;
	n_tail = bytes.n + 1 + LENGTH_SIZE <= BLOCK ? BLOCK : 2 * BLOCK;
	put_be(tail + n_tail - LENGTH_SIZE, n_bits, LENGTH_SIZE);
	for (size_t at = 0; at < n_tail; at += BLOCK)
		add_block(hash, tail + at);
	for (size_t i = 0; i < 5; i++)
		put_be(digest + 4 * i, hash[i], 4);
}
