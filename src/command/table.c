/* SPDX-License-Identifier: Apache-2.0 */
#include "command/table.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/text.h"

#define TABLE_GAP    2
#define ELLIPSIS     "\xe2\x80\xa6"
#define CODE_WIDE    2
#define CODE_NOTHING 0

void screen_look(struct screen *screen, FILE *out, const char *no_colour,
                 const char *term)
{
	int fd = fileno(out);
	struct winsize size;

	*screen = (struct screen){ 0 };
	if (fd < 0 || !isatty(fd))
		return;
	screen->terminal = term && strcmp(term, "dumb") != 0;
	screen->colour = screen->terminal && !(no_colour && *no_colour);
	if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
		screen->width = size.ws_col;
		screen->height = size.ws_row;
	}
}

/* --- widths --------------------------------------------------------------- */

/* Unicode 15, East Asian Width W and F, and what combines; the blocks that
 * names are written in, not every single character. */
static const struct {
	uint32_t first;
	uint32_t last;
	unsigned width;
} widths[] = {
	{ 0x0300, 0x036f, CODE_NOTHING }, { 0x1100, 0x115f, CODE_WIDE },
	{ 0x1ab0, 0x1aff, CODE_NOTHING }, { 0x1dc0, 0x1dff, CODE_NOTHING },
	{ 0x200b, 0x200f, CODE_NOTHING }, { 0x20d0, 0x20ff, CODE_NOTHING },
	{ 0x2e80, 0x303e, CODE_WIDE },    { 0x3041, 0xa4cf, CODE_WIDE },
	{ 0xac00, 0xd7a3, CODE_WIDE },    { 0xf900, 0xfaff, CODE_WIDE },
	{ 0xfe00, 0xfe0f, CODE_NOTHING }, { 0xfe20, 0xfe2f, CODE_NOTHING },
	{ 0xfe30, 0xfe6f, CODE_WIDE },    { 0xff00, 0xff60, CODE_WIDE },
	{ 0xffe0, 0xffe6, CODE_WIDE },    { 0x1f300, 0x1f64f, CODE_WIDE },
	{ 0x1f680, 0x1f6ff, CODE_WIDE },  { 0x1f900, 0x1f9ff, CODE_WIDE },
	{ 0x20000, 0x3fffd, CODE_WIDE },
};

/* The character at the front, and how many bytes it has; 1 if it is none. */
static size_t front_width(struct slice text, unsigned *widthp)
{
	size_t n = text_utf8_length(text);
	uint32_t code;

	*widthp = 1;
	if (n < 2)
		return 1;
	code = (unsigned char)text.p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)text.p[i] & 0x3f);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		if (code >= widths[i].first && code <= widths[i].last)
			*widthp = widths[i].width;
	}
	return n;
}

/* The longest front that is not wider than @max; *widthp is its width. */
static struct slice fit(struct slice text, size_t max, size_t *widthp)
{
	size_t width = 0;
	size_t n = 0;

	while (n < text.n) {
		unsigned one;
		size_t n_one = front_width(slice_skip(text, n), &one);

		if (width + one > max)
			break;
		width += one;
		n += n_one;
	}
	*widthp = width;
	return slice_make(text.p, n);
}

size_t text_width(struct slice text)
{
	size_t width;

	(void)fit(text, SIZE_MAX, &width);
	return width;
}

/* --- cells ---------------------------------------------------------------- */

void table_init(struct table *table, const struct table_column *columns,
                size_t n_columns)
{
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
	buf_init(&table->text, TABLE_MAX_BYTES);
	for (size_t i = 0; i < n_columns; i++)
		table_add(table, TABLE_HEAD, columns[i].title);
}

void table_fini(struct table *table)
{
	buf_fini(&table->text);
}

void table_add(struct table *table, enum table_style style, const char *text)
{
	(void)buf_putc(&table->text, (char)style);
	text_escape_plain(&table->text, slice_from(text));
	(void)buf_putc(&table->text, '\0');
	table->n_cells++;
}

/* The cell at *atp, and on to the next. */
static struct slice next_cell(const struct table *table, size_t *atp,
                              enum table_style *stylep)
{
	const char *p = table->text.p + *atp;
	struct slice text = slice_from(p + 1);

	*stylep = (enum table_style)p[0];
	*atp += text.n + 2;
	return text;
}

static void measure(const struct table *table, size_t *columns)
{
	enum table_style style;
	size_t at = 0;

	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_columns;
		struct slice text = next_cell(table, &at, &style);

		columns[column] = MAX(columns[column], text_width(text));
	}
}

/* Takes a column at a time from the widest that may be cut. */
static void narrow(const struct table *table, size_t *columns, size_t max)
{
	size_t total = (table->n_columns - 1) * TABLE_GAP;

	for (size_t i = 0; i < table->n_columns; i++)
		total += columns[i];
	for (; total > max; total--) {
		size_t widest = SIZE_MAX;

		for (size_t i = 0; i < table->n_columns; i++) {
			if (table->columns[i].cut &&
			    columns[i] > TABLE_MIN_WIDTH &&
			    (widest == SIZE_MAX ||
			     columns[i] > columns[widest]))
				widest = i;
		}
		if (widest == SIZE_MAX)
			return;
		columns[widest]--;
	}
}

/* --- writing -------------------------------------------------------------- */

void screen_write(const struct screen *screen, struct buf *out,
                  enum table_style style, struct slice text)
{
	static const char *const codes[] = {
		[TABLE_GOOD] = "32", [TABLE_WARN] = "33", [TABLE_BAD] = "1;31",
		[TABLE_DIM] = "2",   [TABLE_HEAD] = "1",
	};
	bool coloured = screen->colour && style != TABLE_PLAIN;

	if (coloured)
		(void)buf_printf(out, "\033[%sm", codes[style]);
	(void)buf_append(out, text.p, text.n);
	if (coloured)
		(void)buf_puts(out, "\033[0m");
}

static void write_cell(const struct screen *screen, struct buf *out,
                       enum table_style style, struct slice text, size_t width,
                       bool last)
{
	size_t taken;
	struct slice shown = fit(text, width, &taken);

	if (shown.n < text.n) {
		shown = fit(text, width ? width - 1 : 0, &taken);
		screen_write(screen, out, style, shown);
		(void)buf_puts(out, ELLIPSIS);
		taken++;
	} else {
		screen_write(screen, out, style, shown);
	}
	for (; !last && taken < width + TABLE_GAP; taken++)
		(void)buf_putc(out, ' ');
}

int table_write(const struct table *table, const struct screen *screen,
                size_t max_rows, struct buf *out)
{
	size_t n_rows = table->n_cells / table->n_columns - 1;
	size_t n_shown = max_rows && max_rows < n_rows ? max_rows : n_rows;
	size_t columns[TABLE_MAX_COLUMNS] = { 0 };
	size_t at = 0;

	if (table->text.failed)
		return table->text.failed;
	measure(table, columns);
	if (screen->width)
		narrow(table, columns, screen->width);
	for (size_t i = 0; i < (n_shown + 1) * table->n_columns; i++) {
		size_t column = i % table->n_columns;
		bool last = column + 1 == table->n_columns;
		enum table_style style;
		struct slice text = next_cell(table, &at, &style);

		write_cell(screen, out, style, text, columns[column], last);
		if (last)
			(void)buf_putc(out, '\n');
	}
	if (n_shown < n_rows)
		(void)buf_printf(out, "%s and %zu more\n", ELLIPSIS,
		                 n_rows - n_shown);
	return out->failed;
}
