/* SPDX-License-Identifier: Apache-2.0 */
#include "core/exit_codes.h"

#include <errno.h>
#include "base/number.h"

#define MAX_CODE  255
#define SEPARATOR ", \t\r\n"

static void add_range(struct exit_codes *codes, uint64_t first, uint64_t last)
{
	for (uint64_t code = first; code <= last; code++)
		codes->bits[code / 32] |= UINT32_C(1) << code % 32;
}

static int parse_code(struct slice text, uint64_t *codep)
{
	if (number_parse_u64(text, codep) < 0 || *codep > MAX_CODE)
		return -EINVAL;
	return 0;
}

static int add_part(struct exit_codes *codes, struct slice part)
{
	const char *dash = memchr(part.p, '-', part.n);
	size_t n_first = dash ? (size_t)(dash - part.p) : part.n;
	uint64_t first, last;

	if (slice_is_nocase(part, "any"))
		add_range(codes, 0, MAX_CODE);
	else if (slice_is_nocase(part, "nonzero"))
		add_range(codes, 1, MAX_CODE);
	else if (parse_code(slice_make(part.p, n_first), &first) < 0)
		return -EINVAL;
	else if (!dash)
		add_range(codes, first, first);
	else if (parse_code(slice_skip(part, n_first + 1), &last) < 0 ||
	         last < first)
		return -EINVAL;
	else
		add_range(codes, first, last);
	return 0;
}

static bool is_separator(char c)
{
	return c && strchr(SEPARATOR, c);
}

/* The next part; empty at the end. */
static struct slice take_part(struct slice *text)
{
	struct slice part;
	size_t n = 0;

	while (text->n && is_separator(text->p[0]))
		*text = slice_skip(*text, 1);
	while (n < text->n && !is_separator(text->p[n]))
		n++;
	part = slice_make(text->p, n);
	*text = slice_skip(*text, n);
	return part;
}

int exit_codes_parse(struct slice text, struct exit_codes *codes,
                     struct err *err)
{
	struct exit_codes found = { { 0 } };
	struct slice part = take_part(&text);

	if (!part.n)
		return err_set(err, -EINVAL,
		               "no exit code: write \"any\", \"nonzero\", or "
		               "codes like \"0,143\"");
	for (; part.n; part = take_part(&text))
		if (add_part(&found, part) < 0)
			return err_set(err, -EINVAL,
			               "\"" SLICE_FMT
			               "\" is no exit code: 0 to 255, a range "
			               "like 1-125, \"any\" or \"nonzero\"",
			               SLICE_ARG(part));
	*codes = found;
	return 0;
}

static bool has_all(const struct exit_codes *codes)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes->bits); i++) {
		if (codes->bits[i] != UINT32_MAX)
			return false;
	}
	return true;
}

bool exit_codes_has(const struct exit_codes *codes, int64_t code)
{
	if (code == EXIT_CODE_UNKNOWN)
		return has_all(codes);
	return code >= 0 && code <= MAX_CODE &&
	       codes->bits[code / 32] >> code % 32 & 1;
}
