/* SPDX-License-Identifier: Apache-2.0 */
#include "core/command_line.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"

/* One block: the array, then the texts that it points to. */
static int split(struct command_line *line, struct slice text, size_t n)
{
	const char **argv = mem_alloc((n + 1) * sizeof(*argv) + text.n);
	char *at = (char *)(argv + n + 1);

	if (!argv)
		return -ENOMEM;
	memcpy(at, text.p, text.n);
	for (size_t i = 0; i < n; i++) {
		argv[i] = at;
		at += strlen(at) + 1;
	}
	argv[n] = NULL;
	line->argv = argv;
	line->memory = argv;
	return 0;
}

int command_line_fill(struct command_line *line, const char *const *argv,
                      enum template_kind kind, const struct notice *notice)
{
	struct buf text;
	size_t n = 0;
	int r;

	*line = (struct command_line){ 0 };
	buf_init(&text, COMMAND_LINE_MAX);
	for (; argv[n]; n++) {
		template_render(slice_from(argv[n]), kind, notice, &text);
		(void)buf_putc(&text, '\0');
	}
	r = text.failed ? text.failed : split(line, buf_slice(&text), n);
	buf_fini(&text);
	return r;
}

void command_line_fini(struct command_line *line)
{
	mem_free(line->memory);
	*line = (struct command_line){ 0 };
}

/* --- for people -------------------------------------------------------------- */

static bool is_plain(const char *argument)
{
	size_t n = strlen(argument);

	for (size_t i = 0; i < n; i++) {
		if (strchr(" \t\r\n'\"\\$`*?;&|<>()[]{}#~!", argument[i]))
			return false;
	}
	return n > 0;
}

static void show_one(const char *argument, size_t max, struct buf *out)
{
	const char *quote = is_plain(argument) ? "" : "'";
	struct slice whole = slice_from(argument);
	struct slice cut = text_cut(whole, max);

	(void)buf_puts(out, quote);
	text_append_clean(out, cut, false);
	(void)buf_puts(out, cut.n < whole.n ? "…" : "");
	(void)buf_puts(out, quote);
}

void command_line_show(const char *const *argv, size_t max, struct buf *out)
{
	size_t begin = out->n;

	for (size_t i = 0; argv[i] && !out->failed; i++) {
		size_t n = out->n - begin;

		if (n >= max) {
			(void)buf_puts(out, " …");
			return;
		}
		if (i > 0)
			(void)buf_putc(out, ' ');
		show_one(argv[i], max - n, out);
	}
}
