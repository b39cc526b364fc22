/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_frames: however a stream is cut, the same bytes come out of it, each
 * once, and no more than went in. The first byte of the input is the size of
 * the pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include "proto/docker_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint64_t hash;
	size_t n;
	bool whole;
};

static struct sum run(struct slice bytes, size_t step)
{
	struct docker_frames frames = { 0 };
	struct sum sum = { 0 };

	while (bytes.n) {
		struct slice input =
			slice_make(bytes.p, bytes.n < step ? bytes.n : step);
		struct docker_piece piece;

		bytes = slice_skip(bytes, input.n);
		while (docker_frames_next(&frames, &input, &piece)) {
			if (piece.bytes.n == 0 ||
			    piece.stream >= N_DOCKER_STREAMS)
				abort();
			for (size_t i = 0; i < piece.bytes.n; i++) {
				sum.hash = sum.hash * 31 +
				           (unsigned char)piece.bytes.p[i] +
				           (uint64_t)piece.stream * 257;
			}
			sum.n += piece.bytes.n;
		}
		if (input.n != 0)
			abort();
	}
	sum.whole = docker_frames_whole(&frames);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes;
	struct sum whole, cut;

	if (size == 0)
		return 0;
	bytes = slice_make((const char *)data + 1, size - 1);
	whole = run(bytes, bytes.n ? bytes.n : 1);
	cut = run(bytes, 1 + data[0] % 16u);
	if (whole.hash != cut.hash || whole.n != cut.n ||
	    whole.whole != cut.whole || whole.n > bytes.n)
		abort();
	return 0;
}
