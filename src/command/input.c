/* SPDX-License-Identifier: Apache-2.0 */
#include "command/input.h"

#include <errno.h>
#include <stdio.h>
#include "base/err.h"

#define READ_SIZE 16384

const char *input_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "stdin" : path;
}

static int read_all(FILE *file, struct buf *text)
{
	while (text->failed == 0) {
		size_t n;

		if (buf_reserve(text, READ_SIZE) < 0)
			break;
		n = fread(text->p + text->n, 1, READ_SIZE, file);
		text->n += n;
		if (n == 0)
			return ferror(file) ? -errno : 0;
	}
	return text->failed;
}

int input_read(const struct command_io *io, const char *path, struct buf *text)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	int r;

	if (!file) {
		(void)fprintf(io->err, "bouncer: %s: %s\n", path,
		              err_text(-errno));
		return EXIT_USAGE;
	}
	r = read_all(file, text);
	if (!is_stdin)
		(void)fclose(file);
	if (r == -ENOMEM)
		return command_no_memory(io);
	if (r == -E2BIG)
		(void)fprintf(io->err, "bouncer: %s: more than %zu MiB\n",
		              input_name(path), text->max >> 20);
	else if (r < 0)
		(void)fprintf(io->err, "bouncer: %s: %s\n", input_name(path),
		              err_text(r));
	return r < 0 ? EXIT_TROUBLE : EXIT_OK;
}
