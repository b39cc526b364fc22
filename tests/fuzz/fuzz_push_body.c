/* SPDX-License-Identifier: Apache-2.0 */
/* push_body: whatever comes, the result is whole and lies in the body or in
 * its own memory; the same body gives the same answer again. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/map.h"
#include "base/text.h"
#include "proto/push_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_utf8(struct slice text)
{
	while (text.n > 0) {
		size_t n = text_utf8_length(text);

		assert(n > 0);
		text = slice_skip(text, n);
	}
}

static uint64_t check_sample(const struct push_body *body,
                             const struct push_body_sample *sample,
                             uint64_t hash)
{
	assert(sample->family < body->n_families);
	assert(sample->n_labels <= PUSH_BODY_MAX_LABELS);
	assert(sample->first_label + sample->n_labels <= body->n_labels);
	assert(sample->value.n > 0);
	hash = map_hash(hash, sample->value.p, sample->value.n);
	for (uint32_t i = 0; i < sample->n_labels; i++) {
		const struct label *label =
			&body->labels[sample->first_label + i];

		assert(label->name.n > 0);
		for (uint32_t k = 0; k < i; k++)
			assert(!slice_equal(label->name,
			                    label[-1 - (int)k].name));
		check_utf8(label->value);
		hash = map_hash(hash, label->value.p, label->value.n);
	}
	return hash;
}

static uint64_t check(const struct push_body *body)
{
	uint64_t n_samples = 0;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < body->n_families; i++) {
		assert(body->families[i].name.n > 0);
		check_utf8(body->families[i].help);
		n_samples += body->families[i].n_samples;
	}
	assert(n_samples == body->n_samples);
	for (uint32_t i = 0; i < body->n_samples; i++)
		hash = check_sample(body, &body->samples[i], hash);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	struct push_body body;
	uint64_t hash = 0;
	struct err err;
	int first = 0;

	assert(copy);
	if (size > 0)
		memcpy(copy, data, size);
	push_body_init(&body, 42);
	for (int i = 0; i < 3; i++) {
		int r = push_body_parse(&body, slice_make(copy, size), &err);

		assert(r >= 0 && r <= PUSH_BODY_E_RESERVED);
		assert((r == 0) == (err.message[0] == '\0'));
		if (i == 0) {
			first = r;
			hash = r == 0 ? check(&body) : 0;
		}
		assert(r == first);
		assert(r != 0 || check(&body) == hash);
		if (i == 1)
			push_body_trim(&body);
	}
	push_body_fini(&body);
	free(copy);
	return 0;
}
