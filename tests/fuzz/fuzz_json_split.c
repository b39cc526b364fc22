/* SPDX-License-Identifier: Apache-2.0 */
/* json_split: whatever the pieces, the same values and the same end; and of
 * what jansson takes for an array it finds every element. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/map.h"
#include "proto/json.h"
#include "proto/json_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_VALUE 512

struct tally {
	uint64_t n;
	uint64_t sum; /* depends on their order */
	uint64_t n_dropped;
	int result;
};

static int on_value(void *context, struct slice text)
{
	struct tally *tally = context;

	assert(text.n > 0 && text.n <= MAX_VALUE);
	tally->n++;
	tally->sum = tally->sum * 31 + map_hash(0, text.p, text.n);
	return 0;
}

static struct tally split_all(enum json_split_kind kind, const uint8_t *data,
                              size_t size, size_t piece)
{
	struct tally tally = { 0 };
	struct json_split split;

	json_split_init(&split, kind, MAX_VALUE, on_value, &tally);
	for (size_t at = 0; at < size && tally.result == 0; at += piece) {
		size_t n = MIN(piece, size - at);
		char *copy = malloc(n);

		assert(copy);
		memcpy(copy, data + at, n);
		tally.result = json_split_feed(&split, slice_make(copy, n));
		free(copy);
	}
	if (tally.result == 0)
		tally.result = json_split_finish(&split);
	tally.n_dropped = split.n_dropped;
	json_split_fini(&split);
	return tally;
}

static struct tally compare(enum json_split_kind kind, const uint8_t *data,
                            size_t size)
{
	struct tally whole = split_all(kind, data, size, size + 1);

	for (size_t piece = 1; piece <= 7; piece += 2) {
		struct tally pieces = split_all(kind, data, size, piece);

		assert(pieces.n == whole.n && pieces.sum == whole.sum);
		assert(pieces.n_dropped == whole.n_dropped);
		assert(pieces.result == whole.result);
	}
	return whole;
}

static bool is_array(const uint8_t *data, size_t size)
{
	while (size && strchr(" \t\r\n", *data)) {
		data++;
		size--;
	}
	return size && *data == '[';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally array = compare(JSON_SPLIT_ARRAY, data, size);
	struct json_t *root;

	(void)compare(JSON_SPLIT_SEQUENCE, data, size);
	/* jansson overlooks NUL bytes between tokens */
	if (memchr(data, 0, size) ||
	    json_parse(slice_make((const char *)data, size), &root, NULL) < 0)
		return 0;
	if (is_array(data, size)) {
		assert(array.result == 0);
		assert(array.n + array.n_dropped == json_count(root));
	} else {
		assert(array.result != 0);
	}
	json_free(root);
	return 0;
}
