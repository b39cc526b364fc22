/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and moments as text: what was read is written so that it reads back
 * as the same. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include "base/duration.h"
#include "proto/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_moment(int64_t ms)
{
	char out[TIMESTAMP_TEXT_MAX];
	char again[TIMESTAMP_TEXT_MAX];
	int64_t back;

	/* an offset may carry it out of the years that can be written */
	assert(timestamp_parse_rfc3339(slice_from(timestamp_format(ms, out)),
	                               &back) == 0);
	assert(strcmp(timestamp_format(back, again), out) == 0);
	if (out[4] == '-' && strncmp(out, "0000", 4) != 0 &&
	    strncmp(out, "9999", 4) != 0)
		assert(back == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	uint64_t span;
	int64_t moment;

	if (duration_parse(text, &span) == 0) {
		char out[DURATION_TEXT_MAX];
		uint64_t back;

		assert(duration_parse(slice_from(duration_format(span, out)),
		                      &back) == 0);
		assert(back == span);
	}
	if (timestamp_parse_rfc3339(text, &moment) == 0)
		check_moment(moment);
	if (timestamp_parse_http(text, &moment) == 0)
		check_moment(moment);
	if (size >= sizeof(moment)) {
		memcpy(&moment, data, sizeof(moment));
		check_moment(moment);
	}
	return 0;
}
