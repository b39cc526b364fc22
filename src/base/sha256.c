/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <stddef.h>

#define BLOCK       64
#define LENGTH_SIZE 8 /* of the length at the end of the last block */

/* What comes in pieces, of which only the last may be no whole block. */
struct state {
	uint32_t hash[8];
	uint64_t n_bytes;
};

static const uint32_t first_hash[8] = {
	0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
	0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
};

static const uint32_t constants[64] = {
	0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu,
	0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u, 0xd807aa98u, 0x12835b01u,
	0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u,
	0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu,
	0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u,
	0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u,
	0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
	0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
	0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u,
	0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u, 0x1e376c08u,
	0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu,
	0x682e6ff3u, 0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u,
	0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void schedule(const uint8_t *block, uint32_t words[64])
{
	for (size_t i = 0; i < 16; i++)
		words[i] = (uint32_t)block[4 * i] << 24 |
		           (uint32_t)block[4 * i + 1] << 16 |
		           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = 16; i < 64; i++) {
		uint32_t a = words[i - 15];
		uint32_t b = words[i - 2];

		words[i] = words[i - 16] + words[i - 7] +
		           (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		           (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void add_block(uint32_t hash[8], const uint8_t *block)
{
	uint32_t words[64];
	uint32_t v[8];

	schedule(block, words);
	memcpy(v, hash, sizeof(v));
	for (size_t i = 0; i < 64; i++) {
		uint32_t a = v[0];
		uint32_t e = v[4];
		uint32_t one = v[7] + constants[i] + words[i] +
		               (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
		               ((e & v[5]) ^ (~e & v[6]));
		uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
		               ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(&v[1], &v[0], 7 * sizeof(v[0]));
		v[4] += one;
		v[0] = one + two;
	}
	for (size_t i = 0; i < 8; i++)
		hash[i] += v[i];
}

static void put_be(uint8_t *out, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
}

static void begin(struct state *state)
{
	memcpy(state->hash, first_hash, sizeof(first_hash));
	state->n_bytes = 0;
}

/* Whole blocks; returns what is left of @bytes. */
static struct slice add(struct state *state, struct slice bytes)
{
	while (bytes.n >= BLOCK) {
		add_block(state->hash, (const uint8_t *)bytes.p);
		state->n_bytes += BLOCK;
		bytes = slice_skip(bytes, BLOCK);
	}
	return bytes;
}

static void end(struct state *state, struct slice rest,
                uint8_t digest[SHA256_SIZE])
{
	uint64_t n_bits = (state->n_bytes + rest.n) * 8;
	uint8_t tail[2 * BLOCK] = { 0 };
	size_t n = rest.n + 1 + LENGTH_SIZE <= BLOCK ? BLOCK : 2 * BLOCK;

	if (rest.n)
		memcpy(tail, rest.p, rest.n);
	tail[rest.n] = 0x80;
	put_be(tail + n - LENGTH_SIZE, n_bits, LENGTH_SIZE);
	(void)add(state, slice_make((const char *)tail, n));
	for (size_t i = 0; i < 8; i++)
		put_be(digest + 4 * i, state->hash[i], 4);
}

void sha256(struct slice bytes, uint8_t digest[SHA256_SIZE])
{
	struct state state;

	begin(&state);
	end(&state, add(&state, bytes), digest);
}

/* --- HMAC --------------------------------------------------------------- */

static void begin_with(struct state *state, const uint8_t key[BLOCK],
                       uint8_t mask)
{
	uint8_t block[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ mask;
	begin(state);
	(void)add(state, slice_make((const char *)block, BLOCK));
	explicit_bzero(block, sizeof(block));
}

void hmac_sha256(struct slice key, struct slice bytes,
                 uint8_t code[SHA256_SIZE])
{
	uint8_t padded[BLOCK] = { 0 };
	struct state state;

	if (key.n > BLOCK)
		sha256(key, padded);
	else if (key.n)
		memcpy(padded, key.p, key.n);
	begin_with(&state, padded, 0x36);
	end(&state, add(&state, bytes), code);
	begin_with(&state, padded, 0x5c);
	end(&state, slice_make((const char *)code, SHA256_SIZE), code);
	explicit_bzero(padded, sizeof(padded));
	explicit_bzero(&state, sizeof(state));
}
