/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus: whatever the pieces, the same samples and the same end; and what
 * is no JSON for jansson is no answer. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "core/sample.h"
#include "proto/json.h"
#include "proto/prometheus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SERIES 50

struct tally {
	struct sample_list list;
	uint64_t sum; /* depends on their order */
	int result;
	struct prometheus_answer answer;
};

static int on_sample(void *context, const struct label *labels, size_t n_labels,
                     double value)
{
	struct tally *tally = context;

	for (size_t i = 0; i < n_labels; i++) {
		tally->sum = tally->sum * 31 +
		             map_hash(0, labels[i].name.p, labels[i].name.n);
		tally->sum = tally->sum * 31 +
		             map_hash(0, labels[i].value.p, labels[i].value.n);
	}
	return sample_list_add(&tally->list, labels, n_labels, value);
}

static void read_all(struct tally *tally, const uint8_t *data, size_t size,
                     size_t piece)
{
	memset(tally, 0, sizeof(*tally));
	sample_list_init(&tally->list, MAX_SERIES);
	prometheus_answer_init(&tally->answer, on_sample, tally);
	for (size_t at = 0; at < size && tally->result == 0; at += piece) {
		size_t n = MIN(piece, size - at);
		char *copy = malloc(n);

		assert(copy);
		memcpy(copy, data + at, n);
		tally->result = prometheus_answer_feed(&tally->answer,
		                                       slice_make(copy, n));
		free(copy);
	}
	if (tally->result == 0)
		tally->result = prometheus_answer_finish(&tally->answer);
	sample_list_end(&tally->list);
	for (size_t i = 0; i < tally->list.n; i++)
		for (size_t k = 1; k < tally->list.samples[i].n_labels; k++)
			assert(slice_compare(
				       tally->list.samples[i]
					       .labels[k - 1]
					       .name,
				       tally->list.samples[i].labels[k].name) <=
			       0);
	prometheus_answer_fini(&tally->answer);
	sample_list_fini(&tally->list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tally whole;
	static struct tally pieces;
	struct json_t *root;

	read_all(&whole, data, size, size + 1);
	for (size_t piece = 1; piece <= 7; piece += 3) {
		read_all(&pieces, data, size, piece);
		assert(pieces.result == whole.result);
		assert(pieces.sum == whole.sum);
		assert(strcmp(pieces.answer.error, whole.answer.error) == 0);
	}
	if (whole.result == 0) {
		assert(json_parse(slice_make((const char *)data, size), &root,
		                  NULL) == 0);
		assert(strcmp(json_as_string(json_get(root, "status")),
		              "success") == 0);
		json_free(root);
	}
	return 0;
}
