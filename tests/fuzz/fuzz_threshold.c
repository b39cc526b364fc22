/* SPDX-License-Identifier: Apache-2.0 */
/* threshold: refused with words, or a limit that is said as it was meant: what
 * it is written as is read as the same limit. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/threshold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct threshold *limit)
{
	char text[THRESHOLD_TEXT_MAX];
	struct threshold again;
	struct err err = { 0 };

	require(limit->op < N_THRESHOLD_OPS && !isnan(limit->value));
	require(!threshold_crossed(limit, (double)NAN));
	require(threshold_parse(slice_from(threshold_format(limit, text)),
	                        &again, &err) == 0);
	require(again.op == limit->op);
	require(threshold_crossed(&again, limit->value) ==
	        threshold_crossed(limit, limit->value));
	require(!(again.value < limit->value || again.value > limit->value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy without a byte to spare */
	char *copy = malloc(size ? size : 1);
	struct threshold limit;
	struct err err = { 0 };
	int r;

	require(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	r = threshold_parse(slice_make(copy, size), &limit, &err);
	require((r == 0) == (err.message[0] == '\0'));
	if (r == 0)
		check(&limit);
	free(copy);
	return 0;
}
