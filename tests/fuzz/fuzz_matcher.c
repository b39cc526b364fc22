/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz matcher: matchers are refused with words, or answer about any labels;
 * a list and the same list with a comma behind it mean the same. The first
 * line is the list, what follows a value.
 */
#include <stdint.h>
#include <stdlib.h>
#include "base/mem.h"
#include "core/matcher.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool matches(struct slice text, const struct label *labels, size_t n,
                    bool *matchedp)
{
	struct matchers *matchers = NULL;
	struct err err = { 0 };
	int r = matchers_parse(text, &matchers, &err);

	require((r == 0) == (err.message[0] == '\0'));
	require((r == 0) == (matchers != NULL));
	if (r < 0)
		return false;
	*matchedp = matchers_match(matchers, labels, n);
	matchers_free(matchers);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy without a byte to spare, and a comma more */
	char *copy = mem_alloc(size + 1);
	struct slice text = { copy, size };
	struct slice list = { 0 };
	struct label label = { .name = slice_from("l") };
	bool first = false;
	bool second = false;

	require(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	(void)slice_next(&text, '\n', &list);
	label.value = text;
	if (matches(list, &label, 1, &first) && list.n > 0 &&
	    list.p[list.n - 1] == '"') {
		char *longer = mem_alloc(list.n + 1);

		require(longer != NULL);
		memcpy(longer, list.p, list.n);
		longer[list.n] = ',';
		if (list.n < MATCHER_MAX_TEXT)
			require(matches(slice_make(longer, list.n + 1), &label,
			                1, &second) &&
			        first == second);
		mem_free(longer);
	}
	mem_free(copy);
	return 0;
}
