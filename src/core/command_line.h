/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_line: the arguments of a command, with their names filled in
 * (core/template.h).
 *
 * Each argument by itself: whatever a value holds, blanks, quotes, line ends or
 * $(…), it stays within its argument, and no shell reads it. What comes of it is
 * UTF-8 without a NUL; control characters but \n and \t are spaces.
 */
#pragma once

#include "base/buf.h"
#include "base/macros.h"
#include "core/notice.h"
#include "core/template.h"

#define COMMAND_LINE_MAX (128u << 10) /* bytes of all arguments */

struct command_line {
	const char *const *argv; /* ended by NULL; in `memory` */
	void *memory;
};

/*
 * command_line_fill() - @argv (ended by NULL) with the facts of @notice
 * @kind: TEMPLATE_PLAIN, or TEMPLATE_LINE for arguments of one line
 *
 * 0; -E2BIG: they are longer than COMMAND_LINE_MAX; -ENOMEM. After success
 * command_line_fini(), which is harmless on a zeroed one.
 */
int command_line_fill(struct command_line *line, const char *const *argv,
                      enum template_kind kind,
                      const struct notice *notice) MUST_CHECK;
void command_line_fini(struct command_line *line);

/* For people: on one line, what is not plain in quotes; at most @max bytes of
 * it, then "…". */
void command_line_show(const char *const *argv, size_t max, struct buf *out);
