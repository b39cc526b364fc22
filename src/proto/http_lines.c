/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http_lines.h"

#include "proto/http.h"

void http_lines_init(struct http_lines *lines, bool request)
{
	*lines = (struct http_lines){ .request = request };
}

static bool wrong(struct http_lines *lines, int outcome, const char *why,
                  uint64_t limit)
{
	lines->outcome = outcome;
	lines->why = why;
	lines->limit = limit;
	return false;
}

static bool bad(struct http_lines *lines, const char *why)
{
	return wrong(lines, HTTP_E_BAD_MESSAGE, why, 0);
}

static bool may_follow(struct http_lines *lines, char c)
{
	if (lines->n_bytes == HTTP_MAX_HEAD)
		return wrong(lines, HTTP_E_HEAD_TOO_LARGE,
		             "the head is too large", HTTP_MAX_HEAD);
	if ((c == '\n') != (lines->last == '\r'))
		return bad(lines, "CR and LF only come together");
	if (lines->n_line > 0)
		return true;
	if (c == ' ' || c == '\t')
		return bad(lines, "a folded header line");
	if (c != '\r' && lines->n_lines > HTTP_MAX_HEADERS)
		return wrong(lines, HTTP_E_HEAD_TOO_LARGE, "too many headers",
		             HTTP_MAX_HEADERS);
	return true;
}

/* The target stands between the first two spaces of the first line. */
static bool count_target(struct http_lines *lines, char c)
{
	if (c == ' ')
		lines->n_spaces++;
	else if (lines->n_spaces == 1 && ++lines->n_target > HTTP_MAX_TARGET)
		return wrong(lines, HTTP_E_TARGET_TOO_LONG,
		             "the target is too long", HTTP_MAX_TARGET);
	return true;
}

static bool take_byte(struct http_lines *lines, char c)
{
	if (!may_follow(lines, c))
		return false;
	if (lines->request && lines->n_lines == 0 && !count_target(lines, c))
		return false;
	lines->n_bytes++;
	lines->last = c;
	if (c != '\n') {
		lines->n_line++;
		return true;
	}
	lines->ended = lines->n_line == 1;
	lines->n_line = 0;
	lines->n_lines++;
	return true;
}

size_t http_lines_skip(struct http_lines *lines, struct slice bytes)
{
	size_t n = 0;

	if (!lines->request || lines->n_lines > 0 || lines->n_line > 0)
		return 0;
	while (n < bytes.n && lines->n_bytes < HTTP_MAX_HEAD &&
	       (bytes.p[n] == '\r' || bytes.p[n] == '\n')) {
		n++;
		lines->n_bytes++;
	}
	return n;
}

size_t http_lines_take(struct http_lines *lines, struct slice bytes)
{
	size_t n = 0;

	while (n < bytes.n && !lines->ended && take_byte(lines, bytes.p[n]))
		n++;
	return n;
}
