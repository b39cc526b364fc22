/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: the same is told however the body is cut; a value that was
 * handed over can be read. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/map.h"
#include "base/number.h"
#include "proto/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONG_VALUE 500 /* more digits than number_parse_double() takes */

/* Every second name, so that there are both kinds of runs. */
static void *wanted(void *context, struct slice name)
{
	return name.n % 2 ? context : NULL;
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	uint64_t *hash = context;
	double value;
	int r = number_parse_double(sample->value, &value);

	assert(r == 0 || r == -ERANGE || sample->value.n > LONG_VALUE);
	assert(sample->name.n > 0);
	*hash = map_hash(*hash, sample->name.p, sample->name.n);
	for (size_t i = 0; i < sample->n_labels; i++) {
		const struct label *label = &sample->labels[i];

		assert(label->name.n > 0);
		*hash = map_hash(*hash, label->name.p, label->name.n);
		*hash = map_hash(*hash, label->value.p, label->value.n);
	}
	*hash = map_hash(*hash, sample->value.p, sample->value.n);
}

static void on_left_out(void *context, void *family)
{
	uint64_t *hash = context;

	*hash = map_hash(*hash, family ? "!" : "?", 1);
}

static const struct exposition_callbacks callbacks = {
	.wanted = wanted,
	.sample = on_sample,
	.left_out = on_left_out,
};

/* A copy of each piece, so that reading beyond one is noticed. */
static void feed(struct exposition *scan, const uint8_t *p, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	assert(copy);
	memcpy(copy, p, n);
	assert(exposition_feed(scan, slice_make(copy, n)) == 0);
	free(copy);
}

static int scan_in_pieces(const uint8_t *data, size_t size, size_t piece,
                          enum exposition_format format,
                          struct exposition_counts *counts, uint64_t *hash)
{
	struct exposition scan;
	int r;

	*hash = 0;
	exposition_init(&scan, &callbacks, hash);
	exposition_set_format(&scan, format);
	for (size_t at = 0; at < size; at += piece)
		feed(&scan, data + at, MIN(piece, size - at));
	r = exposition_finish(&scan);
	*counts = scan.counts;
	exposition_fini(&scan);
	return r;
}

static void check(const uint8_t *data, size_t size,
                  enum exposition_format format)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64 };
	struct exposition_counts whole;
	uint64_t whole_hash;
	int whole_r = scan_in_pieces(data, size, size + 1, format, &whole,
	                             &whole_hash);

	assert(whole.n_wanted + whole.n_oversized <= whole.n_samples);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct exposition_counts counts;
		uint64_t hash;
		int r = scan_in_pieces(data, size, pieces[i], format, &counts,
		                       &hash);

		assert(r == whole_r && hash == whole_hash);
		assert(counts.n_samples == whole.n_samples);
		assert(counts.n_wanted == whole.n_wanted);
		assert(counts.n_comments == whole.n_comments);
		assert(counts.n_bad == whole.n_bad);
		assert(counts.n_oversized == whole.n_oversized);
		assert(counts.unterminated == whole.unterminated);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, EXPOSITION_TEXT);
	check(data, size, EXPOSITION_OPENMETRICS);
	return 0;
}
